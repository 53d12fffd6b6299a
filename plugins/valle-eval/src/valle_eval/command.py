"""`valle eval`: the command."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from valle_core.api import CommandContext, CommandResult, Schema, Section, UserError
from valle_eval.judges import SLOTS
from valle_eval.options import EvalOptions

if TYPE_CHECKING:
    from valle_eval.sentences import Sentence

SCHEMA = Schema(SLOTS, (Section("eval", EvalOptions, flat=True, help="Options", positional=("table",)),))


def evaluate(context: CommandContext) -> CommandResult:
    """Judge speech: word and phoneme errors, speaker similarity, predicted opinion, pace.

    Without --metric all metrics judge that can run here; what is left out is said in one line each. Every number names
    its judge, and --against compares only numbers of like judges. Nothing is downloaded.
    """
    from valle_core.api import choose_device
    from valle_eval.comparison import compare
    from valle_eval.evaluation import go_offline, judge_systems, make_result
    from valle_eval.journal import Journal
    from valle_eval.judges import open_judges
    from valle_eval.report import table
    from valle_eval.result import read_result
    from valle_eval.systems import Shelf, control, recordings, speech
    from valle_eval.tables import read_table

    own: EvalOptions = context.options("eval")
    go_offline()
    if own.table is None:
        raise UserError("nothing to judge; name a table of audio and texts: valle eval TABLE --out FOLDER")
    earlier = [read_result(path) for path in own.against]
    sentences = read_table(own.table, own.language)[: own.limit or None]
    judges = open_judges(
        context.resolved, context.registry, choose_device(own.device), brought(sentences), context.note
    )
    shelf = Shelf()
    first = speech(sentences, shelf)
    systems = [first, *filter(None, [recordings(sentences, shelf)]), *(control(name, first) for name in own.control)]
    journal = Journal(own.out)
    with context.progress("utterance") as bar:
        rows = judge_systems(systems, judges, journal, own.out, bar.move)
    name = own.name or own.out.resolve().name
    result = make_result(name, {}, str(own.table), sentences, systems, judges, rows)
    compared = [compare(result, one) for one in earlier]
    facts = result.to_json() | {"against": [one.to_json() for one in compared]}
    write_result(own.out / "result.json", facts)
    text = f"{table(result, compared)}\nwrote {own.out / 'result.json'}"
    return CommandResult(text=text, facts={key: value for key, value in facts.items() if key != "rows"})


def brought(sentences: Sequence[Sentence]) -> frozenset[str]:
    """What the sentences bring of `valle_language.measuring.NEEDS`; recognizers bring the rest."""
    found = {"text"}
    for name in ("reference", "voice", "making", "ended"):
        if any(getattr(one, name) is not None for one in sentences):
            found.add(name)
    return frozenset(found)


def write_result(path: Path, facts: Any) -> None:
    """Whole or not at all."""
    temporary = path.with_suffix(".json.tmp")
    try:
        temporary.write_text(json.dumps(facts, ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"cannot write '{path}': {error.strerror}. Choose another --out") from error
