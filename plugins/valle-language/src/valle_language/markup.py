"""What stands in a text beside words: phonemes in `[[ ]]`, breaks as in SSML; any other tag is refused by name."""

from __future__ import annotations

import re

from valle_core.plugin import UserError

LONGEST_BREAK = 10.0
"""Seconds."""

_TAG = re.compile(
    r"</?(?P<name>[A-Za-z][\w:.-]*)(?P<rest>(?:\s+[\w:.-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*)\s*/?\s*>|<!--.*?-->"
)
_ATTRIBUTE = re.compile(r"([\w:.-]+)\s*=\s*[\"']([^\"']*)[\"']")
_TIME = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(ms|s)", re.IGNORECASE)
_STRENGTHS = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.8, "x-strong": 1.2}
_PHONEMES = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)


def has_markup(text: str) -> bool:
    """Whether it is worth looking closer; nearly every text has none."""
    return "[[" in text or "<" in text


def at_breaks(text: str) -> list[tuple[str, float | None]]:
    """The text cut at its breaks: parts with the seconds of silence before each, None before the first.

    Raises:
        UserError: another tag, a break whose length cannot be read, or one outside of 0 … 10 s.
    """
    found: list[tuple[str, float | None]] = []
    start, pause = 0, None
    for tag in _TAG.finditer(text):
        found.append((text[start : tag.start()], pause))
        pause = _seconds(tag)
        start = tag.end()
    return [*found, (text[start:], pause)]


def spoken_breaks(text: str) -> str:
    """The text with a comma for each break, where nothing but words is known."""
    if "<" not in text:
        return text
    said = ""
    for part, pause in at_breaks(text):
        joint = (
            "" if pause is None or not said.strip() else " " if said.rstrip()[-1] in ",;:.!?…" or not pause else ", "
        )
        said = said.rstrip() + joint + part.lstrip() if pause is not None else part
    return said


def without_markup(text: str) -> str:
    """The words alone, for what looks at them."""
    return _PHONEMES.sub(" ", _TAG.sub(" ", text)) if has_markup(text) else text


def refuse_phonemes(text: str) -> None:
    """Raises `UserError` where phonemes stand in a text that is read as words."""
    if "[[" in text and _PHONEMES.search(text):
        raise UserError(f"phonemes in [[ ]] are read by `valle synth` only, found in {text!r}. Write the words instead")


def _seconds(tag: re.Match[str]) -> float:
    whole = tag.group()
    if tag["name"] != "break":
        raise UserError(
            f'markup {whole} is not read; of SSML only <break time="500ms"/> is. Leave it out, or write its words'
        )
    given = dict(_ATTRIBUTE.findall(tag["rest"]))
    time, strength = given.get("time"), given.get("strength", "medium")
    if time is None and strength in _STRENGTHS:
        return _STRENGTHS[strength]
    read = _TIME.fullmatch((time or "").strip())
    if read is None:
        raise UserError(
            f'{whole} has no length that can be read. Write <break time="500ms"/>, time="1.5s", '
            f"or strength= one of {', '.join(_STRENGTHS)}"
        )
    seconds = float(read[1]) / (1000 if read[2].lower() == "ms" else 1)
    if not 0 <= seconds <= LONGEST_BREAK:
        raise UserError(f"the break must be in [0, {LONGEST_BREAK:g}] s, got {seconds:g} in {whole}")
    return seconds
