"""Sound on standard output while it is made."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from valle.streaming import SpeechChunk
from valle_cli.piped import header, write_stream


def test_players_read_what_is_written_as_it_comes():
    out, seen = io.BytesIO(), []
    waves = [np.full(n, level, np.float32) for n, level in ((400, 0.5), (0, 0.0), (800, -2.0))]

    def chunks():
        for wave in waves:
            seen.append(out.tell())
            yield SpeechChunk(samples=wave, sample_rate=16_000, start=0.0, text="", last=False)

    assert write_stream(chunks(), 16_000, out) == pytest.approx(1200 / 16_000)
    assert seen == [44, 844, 844]
    out.seek(0)
    samples, rate = soundfile.read(out, dtype="float32")
    assert rate == 16_000
    np.testing.assert_allclose(samples, np.concatenate(waves).clip(-1, 1), atol=1e-4)
    assert len(header(16_000)) == 44
