"""What may be said: a list of sentences or a grammar, read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from valle_core.plugin import UserError
from valle_pocketsphinx.decoding import Dictionary, grammar, with_grammar
from valle_pocketsphinx.options import GRAMMARS
from valle_pocketsphinx.words import Token, require_known, tokens


@dataclass(frozen=True, slots=True)
class Closed:
    """What may be said.

    Attributes:
        jsgf: the grammar.
        sentences: words as they are said → the sentence as it is written; empty where the user gave a grammar.
    """

    jsgf: str
    sentences: Mapping[str, Sequence[Token]]


def read_closed(path: Path, dictionary: Dictionary) -> Closed:
    """Raises `UserError` naming the file, and a word that the dictionary lacks."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(
            f"recognizer.sentences '{path}' cannot be read ({why}). Give an existing UTF-8 text file"
        ) from error
    if path.suffix in GRAMMARS:
        with_grammar(text)
        return Closed(text, {})
    sentences: dict[str, Sequence[Token]] = {}
    for line in filter(str.strip, text.splitlines()):
        split = tokens(line)
        require_known(split, line.strip(), dictionary.__contains__)
        sentences.setdefault(" ".join(word for token in split for word in token.words), split)
    if not sentences:
        raise UserError(f"recognizer.sentences '{path}' holds no sentence. Write one per line")
    return Closed(grammar(iter(sentences)), sentences)
