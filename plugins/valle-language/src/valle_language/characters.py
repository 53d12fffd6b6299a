"""Characters nobody can say: named and refused, never dropped in silence."""

from __future__ import annotations

import unicodedata

from valle_core.plugin import UserError

_SILENT = frozenset(
    "\"'“”‘’«»‹›„‚()[]{}<>|_*~^`´/\\•·・-‐‑–—…,.;:!?¿¡、。，．！？；：「」『』【】〈〉《》（）［］｛｝〔〕｡｢｣､"
)
_NO_WORD = frozenset({"So", "Sk", "Sm", "Sc", "Cn", "Co", "Cs"})


def unsayable(text: str, *, spoken: str = "") -> list[str]:
    """Distinct symbols of a text that have no sound and are no mark of writing: emoji, arrows, operators, …

    Args:
        text: after `normalise`, which has written out the ones that have a word.
        spoken: symbols the caller says by itself.
    """
    return list(
        dict.fromkeys(
            character
            for character in text
            if unicodedata.category(character) in _NO_WORD and character not in _SILENT and character not in spoken
        )
    )


def named(character: str) -> str:
    """`'😀' (GRINNING FACE)`."""
    return f"'{character}' ({unicodedata.name(character, f'U+{ord(character):04X}')})"


def require_sayable(text: str, what: str, *, spoken: str = "") -> None:
    """Raises `UserError` naming each character nobody can say; `what` says who was asked."""
    found = unsayable(text, spoken=spoken)
    if found:
        raise UserError(
            f"{what} cannot say {', '.join(map(named, found))} in {text!r}. Leave it out, or write it as words"
        )
