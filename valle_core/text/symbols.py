"""A fixed numbering of phonemes, stored with datasets and checkpoints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from valle_core.plugin import UserError

PAD, UNKNOWN = "<pad>", "<unk>"


class SymbolMap:
    """Symbol ↔ index. Index 0 is padding and 1 stands for every symbol that is not in the map.

    Attributes:
        symbols: all symbols in the order of their indices, specials first.
    """

    def __init__(self, symbols: Sequence[str]) -> None:
        """Raises `UserError` unless the specials come first and no symbol repeats."""
        if tuple(symbols[:2]) != (PAD, UNKNOWN):
            raise UserError(f"a symbol map must begin with {PAD} and {UNKNOWN}, got {list(symbols[:2])}")
        repeated = [symbol for symbol, count in Counter(symbols).items() if count > 1]
        if repeated:
            raise UserError(f"a symbol map must not repeat symbols, got {repeated} twice")
        self.symbols = tuple(symbols)
        self._index = {symbol: index for index, symbol in enumerate(self.symbols)}

    @classmethod
    def from_observed(cls, symbols: Iterable[str]) -> SymbolMap:
        """The map of these symbols, sorted by code point, so that equal sets give equal maps."""
        return cls((PAD, UNKNOWN, *sorted(set(symbols) - {PAD, UNKNOWN})))

    @classmethod
    def from_json(cls, stored: Any, where: str) -> SymbolMap:
        """The inverse of `to_json`; `where` names the file in the `UserError` for anything else."""
        if not isinstance(stored, list) or not all(isinstance(symbol, str) for symbol in stored):
            raise UserError(f"'{where}' should hold its symbols as a list of strings. Make it again")
        return cls(stored)

    def to_json(self) -> list[str]:
        """As it is stored."""
        return list(self.symbols)

    def __len__(self) -> int:
        return len(self.symbols)

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SymbolMap) and self.symbols == other.symbols

    def __hash__(self) -> int:
        return hash(self.symbols)

    def indices(self, symbols: Iterable[str]) -> list[int]:
        """One index per symbol; symbols outside the map become 1 (see `unknown`), none is left out."""
        return [self._index.get(symbol, 1) for symbol in symbols]

    def unknown(self, symbols: Iterable[str]) -> Counter[str]:
        """How often each symbol outside the map occurs, for reports."""
        return Counter(symbol for symbol in symbols if symbol not in self._index)


def language_index(languages: Sequence[str], language: str) -> int:
    """Index of a tag in a stored list. Raises `UserError` naming those it knows."""
    if language not in languages:
        raise UserError(f"language '{language}' is unknown here. Choose one of {', '.join(languages)}")
    return list(languages).index(language)
