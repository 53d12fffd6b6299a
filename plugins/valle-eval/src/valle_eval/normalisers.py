"""Texts → what is compared: as Seed-TTS-eval's published script does, or with numbers written out."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping

from valle_language.normalise import normalise

CJK_MARKS = (
    "＂＃＄％＆＇（）＊＋，－／：；＜＝＞＠［＼］＾＿｀｛｜｝～｟｠｢｣､\u3000、〃〈〉《》「」『』【】〔〕〖〗〘〙〚〛〜〝〞〟"
    "〰〾〿–—‘’‛“”„‟…‧﹏﹑﹔·．！？｡。"
)
"""Punctuation that the published script takes out beside ASCII's."""

SEED_TTS_MARKS = str.maketrans("", "", (CJK_MARKS + string.punctuation).replace("'", ""))

VERSION = "1"
"""Of the rules below; numbers made by other rules are not compared."""


def seed_tts(text: str, language: str) -> str:
    """Without punctuation (apostrophes stay), pairs of spaces made one, lower case; numbers stay as they are.

    A hyphen leaves nothing behind: `well-known` is one word. Facts: `run_wer.py` of Seed-TTS-eval.
    """
    return text.translate(SEED_TTS_MARKS).replace("  ", " ").lower()


def words(text: str, language: str) -> str:
    """Numbers and abbreviations written out, hyphens as spaces, lower case, letters and apostrophes only."""
    written = normalise(text, language).lower().replace("’", "'")
    return " ".join(re.sub(r"[^\w']+|_", " ", written).split())


NORMALISERS: Mapping[str, Callable[[str, str], str]] = {"seed-tts": seed_tts, "words": words}
