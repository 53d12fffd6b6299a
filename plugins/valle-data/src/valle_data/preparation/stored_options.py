"""Options as a dataset carries them, so that a part can be built again where its files are not."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from valle_core.assemble.portable import Portable, absolute_weights


def portable_options(part: Any, options: Any) -> dict[str, Any]:
    """What is stored beside the name of a part: its own word for it, else the options it was built with."""
    values = part.portable_options() if isinstance(part, Portable) else asdict(options)
    return json.loads(json.dumps(dict(values), default=str))


def codec_options(options: Any) -> dict[str, Any]:
    """What is stored beside a codec's identity. Weights stay where they are: their path is made absolute.

    An option holds such a path where it is called `weights` or `…_weights` (`random` and nothing are no paths).
    """
    values = {**asdict(options), **absolute_weights(options)}
    return json.loads(json.dumps(values, default=str))
