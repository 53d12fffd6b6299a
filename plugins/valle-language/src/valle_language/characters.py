"""Characters: what stands for the same letter becomes one, what nobody can say is named and refused, never dropped."""

from __future__ import annotations

import html
import re
import unicodedata

import regex

from valle_core.plugin import UserError

SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True))
"""Kept by `tidy`: m² is no m2."""

_KEPT = frozenset({*SUPERSCRIPTS, *"ªº™…№´¨¯¸·"})
"""Have a compatibility decomposition that says something else than the character does."""

_WIDE_MARKS = frozenset("！，：；？．")
"""Marks of Chinese and Japanese; elsewhere they are the narrow ones."""

MARKS = {
    **dict.fromkeys("。．｡।॥۔։።።።។᭟꘎꛳", "."),
    **dict.fromkeys("、，､،՝፣᠂꘍", ","),
    **dict.fromkeys("！՜", "!"),
    **dict.fromkeys("？؟՞፧꘏", "?"),
    **dict.fromkeys("；؛፤", ";"),
    **dict.fromkeys("：፥", ":"),
}
"""Marks of other scripts → the mark that stands for them."""

PAUSES = "•‣◦▪●■□◆▶►|¦¶"
"""Marks of layout that part two thoughts: a pause, as a comma is one."""

SILENT = frozenset(
    "\"'“”‘’‚‛„‟«»‹›`´()[]{}⟨⟩-‐‑‒–—―…‥,.;:!?¿¡‽·・‧‿⁀"
    "、。，．！？；：「」『』【】〈〉《》（）［］｛｝〔〕｡｢｣､〝〞〟〜"
    "־׀׃׆׳״،؛؟۔।॥։՚՛՜՝՞՟֊።፣፤፥፦፧፨፠។៕៖ๆฯ๏๚๛"
)
"""Quotes, brackets, hyphens and stops: they have no word, and none is expected; frontends may make pauses of them."""

_SAID = frozenset("/\\@&#%‰‱*†‡§※⁂‖^~_<>=+")
"""Of Unicode's punctuation, yet with a word; all other punctuation is as `SILENT`."""

_NO_WORD = frozenset({"So", "Sk", "Sm", "Sc", "Cn", "Co", "Cs", "Cf"})
_IGNORABLE = regex.compile(r"\p{Default_Ignorable_Code_Point}")
_ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}|#\d{2,6}|#x[0-9a-fA-F]{2,5});")
_EMPHASIS = re.compile(
    r"(?<![\w*_~`])(\*{1,3}|_{1,3}|~~|`{1,3})(?=[^\s*_~`])(.*?[^\s*_~`]|\w)\1(?![\w*_~`])", re.DOTALL
)
_LOOSE_MARK = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f]")
_LINE_STARTS = re.compile(r"(?m)^[ \t]*(?:\*|#{1,6})[ \t]+(?=[^\W\d])")
_LAYOUT = re.compile(rf"\s*[{re.escape(PAUSES)}]+\s*")


def tidy(text: str, *, wide_marks: bool = False, loose_marks: bool = True) -> str:
    """The same letters, each as one plain character; nothing that can be said is lost.

    Full-width, mathematical, enclosed, ligature and presentation forms become the letters they show, digits of every
    script 0–9. Invisible characters, tatweel and layout (`*so*`, `# Title`) go, spaces are spaces, bullets commas.
    Superscripts, fractions and signs such as № stay: they are read by what stands around them.

    Args:
        text: as written.
        wide_marks: keep ！，：；？ ． as they are.
        loose_marks: keep accents no composed letter exists for; else the letter goes without.
    """
    if "&" in text and _ENTITY.search(text):
        text = html.unescape(text)
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
        text = unicodedata.normalize("NFC", text.translate(_WIDE if wide_marks else _NARROW))
        if not loose_marks:
            text = _LOOSE_MARK.sub("", text).replace("ʼ", "'")
    elif not text.isprintable():
        text = text.translate(_NARROW)
    if any(mark in text for mark in "*_~`#"):
        text = _LINE_STARTS.sub("", text)
        text = _EMPHASIS.sub(r"\2", text)
    if any(mark in text for mark in PAUSES):
        text = _LAYOUT.sub(lambda found: ", " if _between_words(found) else " ", text).strip()
    return text


def _between_words(found: re.Match[str]) -> bool:
    text = found.string
    before, after = text[: found.start()], text[found.end() :]
    return bool(before) and before[-1] not in ",;:.!?\n" and after[:1].isalnum()


class _Folding(dict[int, str]):
    """A table for `str.translate` that finds out about each character once."""

    def __init__(self, keep: frozenset[str]) -> None:
        super().__init__()
        self._keep = keep

    def __missing__(self, code: int) -> str:
        self[code] = folded = _folded(chr(code), self._keep)
        return folded


def _folded(character: str, keep: frozenset[str]) -> str:
    if character in keep or character in "\n\t\r":
        return character
    category = unicodedata.category(character)
    if category in ("Cc", "Zs"):
        return " "
    if category in ("Zl", "Zp"):
        return "\n"
    if category == "Me" or character in "ـߺ" or _IGNORABLE.match(character):
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(character))
    kind, _, shown = unicodedata.decomposition(character).partition(" ")
    if kind == "<fraction>":
        return character
    if kind.startswith("<"):
        letters = "".join(chr(int(code, 16)) for code in shown.split())
        return "".join(_folded(letter, keep) for letter in letters)
    value = unicodedata.numeric(character, None) if category == "No" and not kind else None
    return str(int(value)) if value is not None and value == int(value) else character


_NARROW = _Folding(_KEPT)
_WIDE = _Folding(_KEPT | _WIDE_MARKS)


def has_no_word(character: str) -> bool:
    """Whether a character is a symbol: neither letter, digit, space nor one of `SILENT` and `PAUSES`."""
    if character in SILENT or character in PAUSES:
        return False
    return character in _SAID or unicodedata.category(character) in _NO_WORD


def unsayable(text: str) -> list[str]:
    """Distinct symbols of a text that have no sound and are no mark of writing: emoji, arrows, operators, …

    Args:
        text: after `normalise`, which has written out the ones that have a word.
    """
    return [character for character in dict.fromkeys(text) if has_no_word(character)]


def named(character: str) -> str:
    """`'😀' (GRINNING FACE)`."""
    return f"'{character}' ({unicodedata.name(character, f'U+{ord(character):04X}')})"


def unsayable_error(
    characters: list[str], text: str, what: str, hint: str = "Leave it out, or write it as words"
) -> UserError:
    """That `what` cannot say these characters of the text, the first eight by name."""
    shown = ", ".join(map(named, characters[:8])) + (" …" if len(characters) > 8 else "")
    return UserError(f"{what} cannot say {shown} in {text!r}. {hint}")
