"""One HTML page: figures of all systems and earlier runs side by side, players, spectrograms, what was found."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path

import soundfile

from valle_core.api import write_text
from valle_core.plugin import UserError
from valle_eval.comparison import Compared
from valle_eval.edits import pair_up
from valle_eval.normalisers import words
from valle_eval.picture import RATE, spectrogram
from valle_eval.recordings import Recording
from valle_eval.report import figure_rows, shown
from valle_eval.result import Result, Row

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 84rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
td, th { padding: .25rem .7rem; border-bottom: 1px solid #ddd; }
td:not(:first-child), th:not(:first-child) { text-align: right; } th { font-weight: 600; }
section { border-top: 2px solid #ccc; padding: 1rem 0; } h3 { font-size: 1rem; margin: 0 0 .5rem; }
.row { display: flex; flex-wrap: wrap; gap: 1.2rem; } .one { width: 19rem; } .one img { width: 100%; height: 6rem; }
.one audio { width: 100%; } .one p { margin: .2rem 0; font-size: .9rem; } del { color: #b00; } ins { color: #06c; }
small, .why { color: #666; } code { font-size: .85em; }
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A system of this run or of an earlier one, under its heading."""

    title: str
    result: Result
    system: str

    def row(self, id: str, text: str) -> Row | None:
        """Of a sentence."""
        return next((row for row in self.result.of(self.system) if (row.id, row.text) == (id, text)), None)


def write_page(
    path: Path, result: Result, earlier: Sequence[Result], compared: Sequence[Compared], *, listen: int
) -> None:
    """Everything is in the one file; `listen` sentences have players. Raises `UserError` where it cannot be written."""
    audible = [name for name in result.systems if name not in ("shuffled-text", "other-voice")]
    columns = [Column(title=name, result=result, system=name) for name in audible]
    columns += [Column(title=f"{next(iter(one.systems))} of {one.name}", result=one, system=next(iter(one.systems)))
                for one in earlier]  # fmt: skip
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(result.name)}</title>',
        f"<style>{STYLE}</style></head><body><h1>{escape(result.name)}</h1>",
        f"<p>{_about(result)}</p>",
        *_figures(result),
        *_compared(compared),
        *_groups(result),
        *_judges(result),
        *(f"<h2>{listen} sentences</h2>" for _ in range(bool(listen))),
        *_sentences(result, columns, listen),
        "</body></html>\n",
    ]
    write_text(path, "\n".join(parts))


def _about(result: Result) -> str:
    facts = {"sentences": f"{result.sentences['count']} of {result.sentences['source']}", **result.about}
    lines = (f"{escape(str(key))}: {escape(str(value))}" for key, value in facts.items())
    systems = (f"<b>{escape(name)}</b>: {escape(what)}" for name, what in result.systems.items())
    return "<br>".join((*systems, f"<small>{' · '.join(lines)}</small>"))


def _table(heads: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    top = "".join(f"<th>{escape(head)}</th>" for head in ("", *heads))
    body = "".join(
        f"<tr><td>{escape(name)}</td>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
        for name, cells in rows
    )
    return f"<table><tr>{top}</tr>{body}</table>"


def _figures(result: Result) -> Iterator[str]:
    yield "<h2>Figures</h2><p>Mean of the sentences [95 % by bootstrap]; ↓ lower is better, ↑ higher.</p>"
    yield _table(list(result.systems), list(figure_rows(result)))


def _compared(compared: Sequence[Compared]) -> Iterator[str]:
    for one in compared:
        first, *rest = one.lines()
        items = "".join(f"<li>{escape(line.strip())}</li>" for line in rest)
        yield f"<h2>{escape(first[:1].upper() + first[1:])}</h2><ul>{items}</ul>"


def _groups(result: Result) -> Iterator[str]:
    groups, system = result.groups(), next(iter(result.systems))
    if len(groups) < 2:
        return
    yield f"<h2>{escape(system)} by kind of sentence</h2>"
    rows = {group: dict(figure_rows(result, group)) for group in groups}
    names = list(dict.fromkeys(name for cells in rows.values() for name in cells))
    yield _table(
        groups, [(name, [rows[group].get(name, ["–"])[0].partition(" [")[0] for group in groups]) for name in names]
    )


def _judges(result: Result) -> Iterator[str]:
    yield "<h2>Judges</h2><ul>"
    shared: dict[str, list[str]] = {}
    for name, facts in result.judges.items():
        shared.setdefault(", ".join(f"{key} {value}" for key, value in facts.items()), []).append(name)
    yield from (f"<li>{escape(', '.join(names))}: <code>{escape(facts)}</code></li>" for facts, names in shared.items())
    yield "</ul>"


def _sentences(result: Result, columns: Sequence[Column], listen: int) -> Iterator[str]:
    for row in chosen(result, listen):
        yield f"<section><h3>{escape(row.text)}</h3><small>{escape(row.id)}</small>"
        yield '<div class="row">'
        for column in columns:
            own = column.row(row.id, row.text)
            if own is not None:
                yield _one(column, own)
        yield "</div></section>"


def chosen(result: Result, count: int) -> list[Row]:
    """Half of them the worst by the first figure, the others evenly from the rest; in their order."""
    rows = result.of(next(iter(result.systems)))
    figure = next((one for one in result.figures if one.better), None)
    if figure is None or len(rows) <= count:
        return rows[:count]
    sign = 1 if figure.better == "lower" else -1

    def badness(row: Row) -> float:
        return sign * row.scores[figure.name].value if figure.name in row.scores else -float("inf")

    worst = sorted(rows, key=badness, reverse=True)[: count // 2]
    others = [row for row in rows if row not in worst]
    step = max(1, len(others) / max(1, count - len(worst)))
    even = [others[int(k * step)] for k in range(min(count - len(worst), len(others)))]
    return [row for row in rows if row in worst or row in even]


def _one(column: Column, row: Row) -> str:
    figures = [
        f"{one.name} {shown(one, row.scores[one.name].value)}{' %' if one.percent else ''}"
        for one in column.result.figures
        if one.main and one.name in row.scores
    ]
    found = f"<p>{marked(row.text, row.transcript)}</p>" if any("wer" in name for name in row.scores) else ""
    return (
        f'<div class="one"><b>{escape(column.title)}</b>{_player(column.result.folder / row.audio)}{found}'
        f"<p><small>{escape(' · '.join(figures))}</small></p></div>"
    )


def marked(text: str, found: str) -> str:
    """What was found, with words that are too many underlined and those that are missing struck out."""
    wanted, found_words = (words(one, "en").split() for one in (text, found))
    marked = []
    for place, other in pair_up(wanted, found_words):
        same = place is not None and other is not None and wanted[place] == found_words[other]
        if place is not None and not same:
            marked.append(f"<del>{escape(wanted[place])}</del>")
        if other is not None:
            marked.append(escape(found_words[other]) if same else f"<ins>{escape(found_words[other])}</ins>")
    return " ".join(marked)


def _player(path: Path) -> str:
    """A player and a picture, both in the page; one line where the file is not there any more."""
    try:
        sound = Recording(path).at(RATE)
    except UserError as error:
        return f'<p class="why">{escape(str(error))}</p>'
    encoded = BytesIO()
    soundfile.write(encoded, sound.wav.numpy(), RATE, format="MP3", subtype="MPEG_LAYER_III")
    return (
        f'<img alt="spectrogram" src="{_inside(spectrogram(sound), "image/png")}">'
        f'<audio controls preload="none" src="{_inside(encoded.getvalue(), "audio/mpeg")}"></audio>'
    )


def _inside(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
