"""Where each kind of token lives in the one embedding table of the model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Vocabulary:
    """Row ranges of the embedding table, a pure function of these sizes.

    A position's embedding is the sum of one or more rows, so summed levels and summed markers are only longer
    lists of indices. Order: separator · language · level · tone · task · text (one range, or one per language) ·
    prompt:0 … prompt:Q−1 · AR:0:0 · NAR:0:1 … NAR:Q−2:Q−1 · NAR:0:0. A response range holds V codes and, last,
    the mask token that token dropout and masked decoding put in place of a code. Where answers are written, symbols ·
    length · letters stand behind them: what such an answer reads back; letters are also read as a text.

    Attributes:
        symbols: size of the symbol map.
        languages: number of language tags.
        num_levels: Q, levels the model handles.
        codebook_size: V.
        tones: tone labels (at least one row is kept).
        tasks: task tokens (at least one row is kept).
        per_language_text: one text table per language instead of a shared one.
        writes: whether some answers are not codes.
    """

    symbols: int
    languages: int
    num_levels: int
    codebook_size: int
    tones: int = 1
    tasks: int = 1
    per_language_text: bool = False
    writes: bool = False

    def ranges(self) -> dict[str, range]:
        """Name → half-open range of table rows, in table order."""
        sizes = {
            "separator": 1,
            "language": self.languages,
            "level": self.num_levels,
            "tone": self.tones,
            "task": self.tasks,
            "text": self.symbols * (self.languages if self.per_language_text else 1),
        }
        sizes |= {f"prompt:{level}": self.codebook_size for level in range(self.num_levels)}
        sizes |= {response_range(level): self.codebook_size + 1 for level in range(self.num_levels)}
        sizes["NAR:0:0"] = self.codebook_size + 1
        if self.writes:
            sizes |= self.answers()
        ranges, start = {}, 0
        for name, size in sizes.items():
            ranges[name] = range(start, start + size)
            start += size
        return ranges

    @property
    def size(self) -> int:
        """Rows of the table."""
        return [*self.ranges().values()][-1].stop

    def answers(self) -> dict[str, int]:
        """Output that is not codes → how many tokens it has, without the stop token."""
        return {"symbols": self.symbols, "length": 10, "letters": 256}

    def stop_of(self, output: str) -> int:
        """Index of the stop token among the logits of an output."""
        return self.stop if output == "codes" else self.answers()[output]

    @property
    def stop(self) -> int:
        """Index of the stop token among the level-0 logits (the last of V + 1)."""
        return self.codebook_size

    @property
    def mask(self) -> int:
        """Index, within a response range, of the mask token."""
        return self.codebook_size


def response_range(level: int) -> str:
    """Name of the range that embeds the newest visible codes of a row answering `level`.

    `AR:0:0` reads level 0 to predict level 0; `NAR:l-1:l` reads level l − 1 to predict level l.
    """
    return "AR:0:0" if level == 0 else f"NAR:{level - 1}:{level}"
