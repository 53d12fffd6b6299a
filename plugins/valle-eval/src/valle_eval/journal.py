"""What was judged already: one line per answer, found again by everything it depends on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from valle_core.plugin import UserError
from valle_core.reading import json_text

NAME = "judged.jsonl"


class Journal:
    """Answers by key. A run that was stopped finds them; one with other audio, texts or judges does not.

    A line is written at once and whole or, where the machine stops, in part; a part is dropped when it is read.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._known: dict[str, Any] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            text = self._path.read_text(encoding="utf-8", errors="replace") if self._path.exists() else ""
        except OSError as error:
            raise UserError(f"'{folder}' cannot be used ({error.strerror}). Choose another --out") from error
        for line in text.splitlines():
            try:
                row = json_text.loads(line)
                self._known[row["key"]] = row["value"]
            except (ValueError, KeyError, TypeError):
                continue
        self._cut = bool(text) and not text.endswith("\n")

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: str) -> Any:
        """The answer, or None."""
        return self._known.get(key)

    def put(self, key: str, value: Any) -> Any:
        """Remember an answer; gives it back as it will be read."""
        line = json.dumps({"key": key, "value": value}, ensure_ascii=False, allow_nan=False)
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(("\n" if self._cut else "") + line + "\n")
        except OSError as error:
            raise UserError(f"cannot write '{self._path}': {error.strerror}. Run the same command again") from error
        self._cut = False
        self._known[key] = json.loads(line)["value"]
        return self._known[key]


def key_of(*facts: Any) -> str:
    """Of everything an answer depends on."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:24]
