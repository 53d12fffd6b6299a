"""What chat programs send and no voice reads: emoji, which are left out instead of refusing the text."""

from __future__ import annotations

import re

_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\ufe0e\ufe0f\u200d\u20e3\U000e0020-\U000e007f]+")


def readable(text: str) -> str:
    """The text without emoji; each leaves a space."""
    return _EMOJI.sub(" ", text)
