"""Language tags: those of `valle` (espeak-ng's and usual ones, with regions) and Whisper's codes."""

from __future__ import annotations

from collections.abc import Collection

from valle_core.plugin import UserError

_CODES = {"cmn": "zh", "iw": "he", "jv": "jw", "nb": "no", "fil": "tl", "in": "id", "hak": "zh", "zh-yue": "yue"}
"""Tags (or their first parts) that Whisper knows by another code."""

_TAGS = {"jw": "jv", "no": "nb"}
"""Codes of Whisper that are no usual tags, as they are told; the frontends know these."""

_REGIONS = (
    *("en-us", "en-gb", "en-029", "en-gb-scotland", "fr-fr", "fr-be", "fr-ch", "pt-br", "pt-pt", "es-419", "es-es"),
    *("de-de", "it-it", "nl-nl", "zh-cn", "zh-tw", "zh-hk", "cmn", "nb", "jv", "fil"),
)
"""Listed beside the plain tags; any other region of an accepted language is accepted too."""

UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
"""Codes of languages that are written without spaces: their words are characters here."""


def whisper_code(tag: str, known: Collection[str]) -> str:
    """Whisper's code for a tag such as `en-us`, `pt_BR` or `cmn`.

    Raises:
        UserError: the model does not have the language; names those it has.
    """
    clean = tag.strip().lower().replace("_", "-")
    root = clean.split("-")[0]
    for name in (clean, root):
        code = _CODES.get(name, name)
        if code in known:
            return code
    raise UserError(f"recognizer 'whisper' has no language '{tag}'. Choose from: {', '.join(sorted(known))}")


def tag_of(code: str) -> str:
    """The tag that a detected code is told as."""
    return _TAGS.get(code, code)


def accepted(known: Collection[str]) -> list[str]:
    """Tags to list: the plain ones and usual regions of a model with these codes."""
    regions = [tag for tag in _REGIONS if _CODES.get(tag, tag.split("-")[0]) in known]
    return sorted({*map(tag_of, known), *known, *regions})
