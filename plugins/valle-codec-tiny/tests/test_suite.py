"""The codecs of this distribution against the suite of the core."""

from __future__ import annotations

import torch
from valle_codec_tiny import codec, mel_gl, plugin

from valle_testing import suite

CPU = torch.device("cpu")

test_tiny_conforms = suite.conformance("codec", lambda: codec.build(codec.TinyOptions(), device=CPU), spec=plugin.TINY)
test_untrained_tiny_conforms = suite.conformance(
    "codec", lambda: codec.build(codec.TinyOptions(weights="random"), device=CPU), spec=plugin.TINY
)
test_small_conforms = suite.conformance(
    "codec", lambda: codec.build_small(codec.SmallOptions(), device=CPU), spec=plugin.SMALL
)
test_mel_gl_conforms = suite.conformance(
    "codec", lambda: mel_gl.build(mel_gl.MelGriffinLimOptions(iterations=4), device=CPU), spec=plugin.MEL_GL
)
