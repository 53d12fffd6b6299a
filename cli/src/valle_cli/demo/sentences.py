"""The sentences of the demo, which a recognizer with a closed grammar tells apart."""

from __future__ import annotations

from importlib.resources import files

VOICES = ("f2", "klatt4", "f1", "m3")
"""espeak-ng variants of en-us that were recognised without a miss, directly and through a codec."""


def demo_sentences() -> tuple[str, ...]:
    """24 sentences of 4–7 words, about 1.5–2.2 s each, in lower case without punctuation.

    Checked with espeak-ng's en-us voices; see the table in `docs/adr/closed-grammar-verdict.md`.
    """
    return _lines("demo_sentences.txt")


def demo_prompts() -> tuple[str, ...]:
    """Sentences the demo never trains on; spoken by its voices they are the prompts."""
    return _lines("demo_prompts.txt")


def _lines(name: str) -> tuple[str, ...]:
    text = files("valle_cli.demo").joinpath(name).read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line)
