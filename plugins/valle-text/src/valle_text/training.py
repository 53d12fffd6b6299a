"""Texts → a byte-pair tokenizer whose merges never cross a word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from valle_core.api import open_dataset
from valle_core.plugin import UserError
from valle_text.options import TextOptions
from valle_text.words import OWN_MARKS, prepared, words_and_marks


def texts_of(source: Path, language: str) -> Iterator[tuple[str, str]]:
    """(text, language) of a dataset, of a folder of recordings with `.txt` or LJSpeech's table, or of a file's lines.

    Raises:
        UserError: there is no such thing, or it cannot be read.
    """
    if (source / "dataset.json").is_file():
        dataset = open_dataset(source, part="train")
        yield from ((dataset.row(id).text, dataset.row(id).language) for id in dataset.ids)
        return
    if not source.exists():
        raise UserError(f"'{source}' does not exist. Name a dataset, a folder of transcripts, or a text file")
    table = source / "metadata.csv"
    files = [source] if source.is_file() else [table] if table.is_file() else sorted(source.rglob("*.txt"))
    for path in files:
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise UserError(f"'{path}' cannot be read ({why}). Give UTF-8 text") from None
        for line in lines:
            text = line.rpartition("|")[2] if path.name == "metadata.csv" else line
            if text.strip():
                yield text, language


def train_tokenizer(texts: Iterable[tuple[str, str]], *, size: int, options: TextOptions) -> tuple[str, int]:
    """Content of a tokenizer file of at most `size` tokens, and how many it has. Equal texts give equal content.

    Raises:
        UserError: no words, or fewer tokens asked for than there are letters.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    lines = [
        " ".join(item for item in words_and_marks(prepared(text, language, options)) if item not in OWN_MARKS)
        for text, language in texts
    ]
    letters = sorted(set("".join(lines)) - {" "})
    if not letters:
        raise UserError("there are no words to train a tokenizer on. Give transcripts with text")
    if size < len(letters):
        raise UserError(f"a tokenizer of {size} tokens has no room for the {len(letters)} letters found. Raise --size")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()  # type: ignore[assignment]
    trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False, special_tokens=[], initial_alphabet=letters)
    tokenizer.train_from_iterator(lines, trainer=trainer)
    return tokenizer.to_str(pretty=False), tokenizer.get_vocab_size()
