"""Language tags: those of `valle` (espeak-ng's and usual ones, with regions) and Whisper's codes."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from valle_core.plugin import UserError

_REGIONS = {
    "en": "us gb au ca in ie nz za 029 gb-scotland gb-x-rp gb-x-gbclan gb-x-gbcwmd",
    "fr": "fr be ch ca",
    "de": "de at ch",
    "es": "es 419 mx ar us",
    "pt": "pt br",
    "it": "it ch",
    "nl": "nl be",
    "zh": "cn tw hk hans hant",
    "ja": "jp",
    "ko": "kr",
    "ar": "sa eg",
    "sv": "se",
    "da": "dk",
    "fi": "fi",
    "pl": "pl",
    "cs": "cz",
    "ru": "ru",
    "uk": "ua",
    "tr": "tr",
    "vi": "vn vn-x-central vn-x-south",
    "hi": "in",
    "fa": "ir latn",
    "hy": "arevmda",
}
"""Regions and variants of a code that are accepted, as espeak-ng and usual tags name them."""

_NAMES = {"cmn": "zh", "cmn-latn-pinyin": "zh", "nb": "no", "nb-no": "no", "jv": "jw", "fil": "tl", "iw": "he"}
"""Tags for which Whisper has another code."""

_TAGS = {"jw": "jv", "no": "nb"}
"""Codes that are no usual tags, as they are told; the frontends know these."""

UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
"""Codes of languages that are written without spaces: their words are characters here."""


def accepted(known: Collection[str]) -> dict[str, str]:
    """The tags a model with these codes takes, each with its code."""
    tags = {code: code for code in known}
    tags |= {tag: code for tag, code in _NAMES.items() if code in known}
    tags |= {f"{code}-{end}": code for code in known for end in _REGIONS.get(code, "").split()}
    return dict(sorted(tags.items()))


def whisper_code(tag: str, known: Collection[str]) -> str:
    """Whisper's code for a tag such as `en-us`, `pt_BR` or `cmn`.

    Raises:
        UserError: the model does not have the language or the region is unknown; names the nearest tags.
    """
    tags = accepted(known)
    clean = tag.strip().lower().replace("_", "-")
    if clean in tags:
        return tags[clean]
    root = clean.split("-")[0]
    near = [name for name in tags if name.split("-")[0] == root] or difflib.get_close_matches(clean, tags, 3, 0.4)
    hint = f"Nearest: {', '.join(near)}" if near else f"Choose from: {', '.join(sorted(known))}"
    raise UserError(f"recognizer 'whisper' has no language '{tag}'. {hint}")


def tag_of(code: str) -> str:
    """The tag that a detected code is told as."""
    return _TAGS.get(code, code)
