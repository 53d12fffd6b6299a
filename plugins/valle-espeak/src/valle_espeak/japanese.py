"""Kanji → kana with MeCab and UniDic (the extra `valle-espeak[ja]`); espeak-ng reads kana only."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from valle_core.plugin import UserError

IDEOGRAPH = re.compile("[\u3005\u3400-\u9fff\uf900-\ufaff]")
_PARTICLES = {"は": "わ", "へ": "え"}
_USUAL = {"私": "わたし", "明日": "あした", "昨日": "きのう", "日本": "にほん"}
"""Where UniDic's first reading is the formal one."""

_ATTACHED = ("助詞", "助動詞", "接尾辞", "補助記号")


@cache
def _tagger() -> Any:
    try:
        import fugashi  # both are an extra: the dictionary is 250 MB
        import unidic_lite
    except ImportError:
        raise UserError(
            "frontend 'espeak' reads kanji with fugashi and unidic-lite, which are not installed. Install them with: "
            "pip install fugashi unidic-lite, or write Japanese in kana"
        ) from None
    return fugashi.Tagger(f'-d "{unidic_lite.DICDIR}"')


def in_kana(text: str) -> str:
    """The text with every kanji as it is read, particles は and へ as they sound, and spaces before its words.

    Kana stay as they are written.

    Raises:
        UserError: the extra is not installed, or a kanji has no reading; the message names it.
    """
    parts: list[str] = []
    for word in _tagger()(text):
        surface, kind = word.surface, word.feature.pos1
        if not IDEOGRAPH.search(surface):
            reading = _PARTICLES.get(surface, surface) if kind == "助詞" else surface
            parts.append(word.white_space + reading)
            continue
        reading = _USUAL.get(surface) or word.feature.pron
        if not reading or IDEOGRAPH.search(reading):
            raise UserError(f"no reading is known for the kanji '{surface}' in {text!r}. Write it in kana")
        parts.append(("" if kind in _ATTACHED or not parts else " ") + reading)
    return "".join(parts)
