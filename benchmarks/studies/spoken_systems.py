"""Several systems say the same sentences in the same voices: what is said, how long it takes, and tables of scores."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from box_table import compared, headed, judged, table
from valle_eval.presets.box import box

import valle

ROWS = 8
"""Sentences that are timed together."""

FIGURES = (("per", "phoneme error %", 100, 1), ("similarity", "similarity", 1, 3))


@dataclass(frozen=True, slots=True)
class System:
    """A model, and how it is asked.

    Attributes:
        model: run of level 0.
        nar: run of the other levels.
        sampler: of level 0.
        options: of `valle.load`.
    """

    model: Path
    nar: Path
    sampler: Any
    options: Mapping[str, Any] = field(default_factory=dict)


def speak(systems: Mapping[str, System], voices: Path, out: Path, *, sentences: int) -> None:
    """Say what is missing, on one thread, and list in `table.jsonl` all that is there.

    Every n-th sentence of the preset `box`, the prompts in turn, one random seed a sentence. Sentences are said one by
    one from encoded prompts; the seconds of processor are means of several of them.
    """
    torch.set_num_threads(1)
    prompts = sorted(voices.glob("*.wav"))
    asked = [*enumerate(box())]
    asked = asked[:: max(1, len(asked) // sentences)][:sentences]
    for name, system in systems.items():
        if is_made(out, name) or not system.model.is_dir():
            continue
        speaker = valle.load(system.model, nar_model=system.nar, sampler=system.sampler, device="cpu", **system.options)
        codes = [speaker.encode(prompt).codes for prompt in prompts]
        speaker.speak("a word first", prompt=codes[0], seed=0)  # what loads at the first call is not timed
        rows = []
        for start in range(0, len(asked), ROWS):
            batch = asked[start : start + ROWS]
            voice = [(start + place) % len(prompts) for place in range(len(batch))]
            began = time.process_time()
            speeches = [
                speaker.speak(one.text, prompt=codes[place], seed=number)
                for (number, one), place in zip(batch, voice, strict=True)
            ]
            spent = time.process_time() - began
            seconds = sum(speech.seconds for speech in speeches)
            for (_, one), place, speech in zip(batch, voice, speeches, strict=True):
                rows.append(saved(out, name, one, speech, prompts[place]) | {"rtf": spent / seconds})
        finish(out, name, rows)
        print(f"{name}: real-time factor {rows[0]['rtf']:.3f} at first", flush=True)


def made_by(out: Path, system: str) -> Path:
    """The rows of a system, which are there once all of it was said."""
    return out / system.replace(" ", "-").replace(",", "") / "made.jsonl"


def is_made(out: Path, system: str) -> bool:
    """Whether it was said before."""
    return made_by(out, system).is_file()


def saved(out: Path, system: str, sentence: Any, speech: valle.Speech, voice: Path | str) -> dict[str, Any]:
    """Save what a system said; its row of the table."""
    path = made_by(out, system).with_name(f"{sentence.id}.wav")
    path.parent.mkdir(parents=True, exist_ok=True)
    speech.save(path)
    found = {"id": f"{system}/{sentence.id}", "audio": str(path.relative_to(out)), "text": sentence.text}
    return {**found, "voice": str(voice), "group": system}


def finish(out: Path, system: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep the rows of a system, and list in `table.jsonl`, which `valle eval` reads, all that was said."""
    write_lines(made_by(out, system), rows)
    spoken = [json.loads(line) for path in sorted(out.glob("*/made.jsonl")) for line in path.open(encoding="utf-8")]
    write_lines(out / "table.jsonl", [{key: row[key] for key in row if key != "rtf"} for row in spoken])


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """A JSON object a line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def decoded(speaker: valle.Speaker, codes: Any) -> Any:
    """Sound of codes [T, Q]."""
    with torch.inference_mode():
        wav, _ = speaker.synthesizer.components.codec.decode(codes[None], torch.tensor([len(codes)]))
    return wav[0].numpy()


def report(names: Sequence[str], out: Path, *, beside: str) -> str:
    """A row for each system, with the differences to `beside` sentence by sentence, as a Markdown table."""
    found = judged(out)
    lines = []
    for name in (name for name in names if name in found):
        factors = [json.loads(line)["rtf"] for line in made_by(out, name).open(encoding="utf-8")]
        lines.append([*compared(found, name, beside, FIGURES), f"{sum(factors) / len(factors):.3f}"])
    return table(["system", "sentences", *headed(FIGURES, beside), "seconds of processor a second"], lines)
