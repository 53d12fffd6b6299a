"""Language tags: one spelling, and the language without its region."""

from __future__ import annotations


def normal_tag(language: str) -> str:
    """Lower case with hyphens: `en_US` → `en-us`."""
    return language.strip().lower().replace("_", "-")


def root(language: str) -> str:
    """The language without its region; Mandarin is `zh` however it is tagged, Cantonese stays `yue`."""
    first = normal_tag(language).split("-")[0]
    return "zh" if first == "cmn" else first
