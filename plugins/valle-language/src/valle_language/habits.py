"""Which habits of writing a language tag has; regions stay apart where they write apart."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from valle_language.tags import normal_tag
from valle_language.writing.rules import Writing

_ALPHABETIC = {
    "en": "english:AMERICAN",
    "en-gb": "english:BRITISH",
    "en-uk": "english:BRITISH",
    "en-au": "english:BRITISH",
    "en-nz": "english:BRITISH",
    "en-ie": "english:BRITISH",
    "fr": "french:WRITING",
    "de": "german:WRITING",
    "es": "spanish:WRITING",
    "it": "italian:WRITING",
    "pt": "portuguese:EUROPEAN",
    "pt-br": "portuguese:BRAZILIAN",
}
_IDEOGRAPHIC = {
    "ja": "japanese:write_out",
    "zh": "chinese:write_out",
    "cmn": "chinese:write_out",
    "yue": "chinese:write_out",
    "ko": "korean:write_out",
}


def _found(language: str, table: dict[str, str]) -> Any:
    tag = normal_tag(language)
    while tag:
        if tag in table:
            module, _, name = table[tag].partition(":")
            return getattr(importlib.import_module(f"valle_language.writing.{module}"), name)
        tag = tag.rpartition("-")[0]
    return None


def writing_of(language: str) -> Writing | None:
    """Habits of a language with letters that is known, else None."""
    return _found(language, _ALPHABETIC)


def east_asian_writer(language: str) -> Callable[[str], str] | None:
    """What writes out the numbers of Chinese, Japanese or Korean, else None."""
    return _found(language, _IDEOGRAPHIC)
