"""The quoted examples of WordNet as sentences (its licence permits use and redistribution with its notice)."""

from __future__ import annotations

import re
from pathlib import Path

from valle_core.plugin import UserError

_QUOTED = re.compile(r'"([^"]+)"')
_PLAIN = re.compile(r"[A-Za-z][A-Za-z ',\-]+")
_LEFT_OUT = re.compile(
    r"\b(sex|fuck|shit|rape|penis|vagina|nigg|whore|bitch|cunt|ass|slut|breast|kill|murder|suicide|naked|prostitut)\w*",
    re.IGNORECASE,
)


def examples(folder: Path, *, fewest: int = 6, most: int = 16) -> list[str]:
    """Sentences of `fewest` to `most` plain words in the files `data.*` of WordNet, in order.

    Raises:
        UserError: the folder holds no such file, or none can be read.
    """
    files = sorted(folder.glob("data.*"))
    found: set[str] = set()
    for file in files:
        try:
            lines = file.read_text(encoding="utf-8", errors="ignore").splitlines()
        except OSError as error:
            raise UserError(f"WordNet's '{file}' cannot be read: {error.strerror}") from error
        for line in lines:
            if not line.startswith("  "):
                found.update(filter(None, (_sentence(quoted, fewest, most) for quoted in _QUOTED.findall(line))))
    if not found:
        raise UserError(f"'{folder}' holds no examples of WordNet. Give the folder with its data.* files")
    return sorted(found)


def _sentence(quoted: str, fewest: int, most: int) -> str | None:
    text = quoted.strip().rstrip(";,.").strip()
    if not _PLAIN.fullmatch(text) or "--" in text or not fewest <= len(text.split()) <= most or _LEFT_OUT.search(text):
        return None
    return f"{text[0].upper()}{text[1:]}."
