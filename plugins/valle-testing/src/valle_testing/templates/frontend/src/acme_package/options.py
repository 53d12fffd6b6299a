"""Options of the frontend (standard library only)."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class AcmeNameOptions:
    """Options of `--frontend acme-name`.

    Attributes:
        languages: tags that are accepted, e.g. `en`; they are stored with the data and change no letter.
        marks: punctuation marks that become symbols; all others are left out.
    """

    languages: tuple[str, ...] = ("en", "de", "es", "fr", "it")
    marks: str = ".,;:?!"

    def __post_init__(self) -> None:
        if not self.languages or any(tag != tag.strip().lower() or not tag for tag in self.languages):
            raise UserError(f"frontend.languages is {self.languages}, needs one lower-case tag at least, e.g. en")
        if len(set(self.languages)) < len(self.languages):
            raise UserError(f"frontend.languages is {self.languages}, a tag stands twice. Name each once")
        if wrong := [mark for mark in self.marks if mark.isalnum() or mark.isspace() or not mark.isprintable()]:
            raise UserError(f"frontend.marks holds {wrong[0]!r}, needs punctuation marks only")
