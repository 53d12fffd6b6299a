"""`valle train-tokenizer`: a tokenizer from transcripts, as a command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from valle_core.api import CommandContext, CommandResult, Schema, Section, write_text
from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenizerOptions:
    """What the tokenizer is trained on.

    Attributes:
        source: dataset, folder of recordings with .txt files, LJSpeech folder, or text file
        out: tokenizer file to write
        size: vocabulary size (maximum number of tokens, single letters included)
        language: language tag of texts that have none, for writing out numbers
        lowercase: convert to lower case, like the frontend's option of the same name
        normalise: write out numbers and abbreviations, like the frontend's option of the same name
    """

    source: Path
    out: Path
    size: int = 500
    language: str = "en"
    lowercase: bool = True
    normalise: bool = True

    def __post_init__(self) -> None:
        if self.size < 2:
            raise UserError(f"size must be at least 2, got {self.size}")


SCHEMA = Schema(sections=(Section("tokenizer", TokenizerOptions, flat=True, help="Options", positional=("source",)),))


def train_tokenizer(context: CommandContext) -> CommandResult:
    """Train a byte-pair tokenizer on transcripts: valle prepare … --frontend text --frontend.tokenizer FILE."""
    from valle_text import training
    from valle_text.options import TextOptions

    own: TokenizerOptions = context.options("tokenizer")
    options = TextOptions(lowercase=own.lowercase, normalise=own.normalise)
    content, count = training.train_tokenizer(
        training.texts_of(own.source, own.language), size=own.size, options=options
    )
    write_text(own.out, content)
    return CommandResult(text=f"wrote {own.out}: {count} tokens", facts={"out": str(own.out), "tokens": count})
