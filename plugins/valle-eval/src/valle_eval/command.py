"""`valle eval`: the command, to be read downwards."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from valle_core.api import SYNTHESIS_SCHEMA, CommandContext, CommandResult, Schema, Section, Slot, UserError, write_text
from valle_eval.options import EvalOptions

if TYPE_CHECKING:
    from valle_eval.journal import Journal
    from valle_eval.sentences import Sentence
    from valle_eval.systems import System

SLOTS = (
    Slot("metric", "metric", (), many=True),
    Slot("recognizer", "recognizer", None),
    Slot("phone_recognizer", "recognizer", None),
)

SCHEMA = Schema(
    (*SLOTS, *SYNTHESIS_SCHEMA.slots),
    (Section("eval", EvalOptions, flat=True, help="Options", positional=("table",)), *SYNTHESIS_SCHEMA.sections),
)


def evaluate(context: CommandContext) -> CommandResult:
    """Evaluate speech: word and phoneme errors, skips and repeats, speaker similarity, predicted opinion score, pace.

    The speech exists already (TABLE, --audio), or is synthesized with --model. Without --metric all metrics are used
    that can run here; each that cannot is named. Every number names the model it was measured with, and --against
    compares only numbers of the same one. Nothing is downloaded. The same command resumes an interrupted evaluation.
    """
    from valle_core.api import choose_device
    from valle_eval.comparison import compare
    from valle_eval.evaluation import go_offline, judge_systems, make_result
    from valle_eval.journal import Journal
    from valle_eval.judges import open_judges
    from valle_eval.page import write_page
    from valle_eval.report import table
    from valle_eval.result import read_result
    from valle_eval.sources import sentences_of

    own: EvalOptions = context.options("eval")
    go_offline()
    spoken = bool(context.options("synthesis").model)
    sentences, source = sentences_of(own, spoken=spoken)
    if own.export is not None:
        return exported(sentences, own.export)
    earlier = [read_result(path) for path in own.against]
    device, there = choose_device(context.options("synthesis").device), brought(own, sentences, spoken=spoken)
    usual = {"normaliser": "words"} if own.preset == "box" else {}  # recognizers write its numbers either way
    judges = open_judges(context.resolved, context.registry, device, there, context.note, usual)
    journal = Journal(own.out)
    about, systems = systems_of(context, own, sentences, journal, spoken=spoken)
    with context.progress("utterance") as bar:
        rows = judge_systems(systems, judges, journal, own.out, bar.move)
    name = own.name or own.out.resolve().name
    result = make_result(name, about, source, sentences, systems, judges, rows, own.out)
    compared = [compare(result, one) for one in earlier]
    facts = result.to_json() | {"against": [one.to_json() for one in compared]}
    write_text(own.out / "result.json", json.dumps(facts, ensure_ascii=False, indent=1, allow_nan=False) + "\n")
    write_page(own.out / "index.html", result, earlier, compared, listen=own.listen)
    text = f"{table(result, compared)}\nwrote {own.out / 'result.json'} and {own.out / 'index.html'}"
    return CommandResult(text=text, facts={key: value for key, value in facts.items() if key != "rows"})


def systems_of(
    context: CommandContext, own: EvalOptions, sentences: Sequence[Sentence], journal: Journal, *, spoken: bool
) -> tuple[dict[str, Any], list[System]]:
    """What was made and how, and all that is judged beside each other; the speech comes first."""
    from valle_eval.systems import Shelf, control, recordings, speech

    shelf, about, codec = Shelf(), dict[str, Any](), None
    if not spoken:
        if "untrained" in own.control:
            raise UserError("control 'untrained' needs a model. Name one with --model")
        systems = [speech(sentences, shelf)]
    else:
        made = synthesized(context, own, sentences, journal)
        about, codec = next(made), next(made)
        systems = [speech(said_by, shelf, name, text) for name, text, said_by in made]
    first = systems[0]
    if own.ceiling:
        systems.append(speech(through_codec(context, own, sentences, journal, codec), shelf, "codec", CEILING))
    recorded = recordings(sentences, shelf)
    systems += [recorded] if recorded else []
    systems += [control(name, first) for name in own.control if name != "untrained"]
    return about, systems


CEILING = "the recordings through the codec alone: the ceiling"


def synthesized(
    context: CommandContext, own: EvalOptions, sentences: Sequence[Sentence], journal: Journal
) -> Iterator[Any]:
    """Facts of the model, its codec, then (name, about, sentences) of the model and of the control untrained."""
    from valle_eval.synthesis import facts_of_model, open_speaker, speak, untrained

    speaker = open_speaker(context)
    facts = facts_of_model(speaker, context.resolved)
    yield {**facts, "seed": own.seed, "batch": own.batch, "split": own.split, "max_duration": own.max_duration}
    yield speaker.components.codec
    with context.progress("sentence") as bar:
        yield (
            "speech",
            f"model {facts['model']}",
            speak(speaker, facts, sentences, own, own.out / "audio" / "speech", journal, bar.move),
        )
    if "untrained" in own.control:
        untrained(speaker, own.seed)
        with context.progress("sentence") as bar:
            yield (
                "untrained",
                "the same network, its matrices drawn anew",
                speak(
                    speaker,
                    facts | {"untrained": True},
                    sentences,
                    own,
                    own.out / "audio" / "untrained",
                    journal,
                    bar.move,
                ),
            )


def through_codec(
    context: CommandContext, own: EvalOptions, sentences: Sequence[Sentence], journal: Journal, codec: Any
) -> list[Sentence]:
    """The recordings as a codec gives them back: the model's, else the one that is named."""
    from valle_core.api import choose_device
    from valle_eval.ceiling import open_codec, resynthesise

    device = context.options("synthesis").device
    codec = codec or open_codec(context, device)
    with context.progress("recording") as bar:
        return resynthesise(
            sentences, codec, own.levels, choose_device(device), own.out / "audio" / "codec", journal, bar.move
        )


def brought(own: EvalOptions, sentences: Sequence[Sentence], *, spoken: bool) -> frozenset[str]:
    """What the sentences bring of `valle_language.measuring.NEEDS`; recognizers bring the rest."""
    found = {"text", "making", "ended"} if spoken else {"text"}
    if own.ceiling:
        found |= {"making", "source"}
    for name in ("reference", "source", "voice", "making", "ended"):
        if any(getattr(one, name) is not None for one in sentences):
            found.add(name)
    return frozenset(found)


def exported(sentences: Sequence[Sentence], path: Path) -> CommandResult:
    """The texts, one per line, e.g. for `valle corpus --script`."""
    write_text(path, "".join(f"{one.text}\n" for one in sentences))
    return CommandResult(text=f"wrote {len(sentences)} sentences to {path}", facts={"sentences": len(sentences)})
