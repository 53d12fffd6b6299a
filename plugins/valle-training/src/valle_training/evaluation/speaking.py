"""Held-out sentences, spoken by a model as `valle synth` would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from valle_core.api import (
    SYNTHESIS_SCHEMA,
    Observers,
    Registry,
    Request,
    Speech,
    Synthesizer,
    UserError,
    open_synthesizer,
    resolve,
)
from valle_kit.opened import ready
from valle_kit.pauses import cut_at_pause
from valle_kit.safeguards import Safeguards
from valle_training.evaluation.held_out import HeldOut

LONGEST = 15.0
"""Seconds of a sentence at most, whatever it says; one that was never learnt may not end by itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sentence:
    """One that is spoken.

    Attributes:
        id: of the utterance.
        prompt: id of the one whose voice is followed, or "" for none.
        prompt_text: what that one says.
        text: as it is written.
        language: tag.
        seconds: of the recording.
        symbols: its phonemes, as they are stored.
        prompt_symbols: those of the prompt.
        times: seconds at which the recording says each, or ().
        seed: of the speech.
    """

    id: str
    prompt: str
    prompt_text: str
    text: str
    language: str
    seconds: float
    symbols: tuple[str, ...]
    prompt_symbols: tuple[str, ...]
    times: tuple[float, ...]
    seed: int


def sentences(held: HeldOut, count: int) -> list[Sentence]:
    """The first `count` held-out utterances that say something, of as many speakers as there are."""
    chosen: list[Sentence] = []
    for id in _by_speaker(held):
        if len(chosen) == count:
            break
        row, record = held.dataset.row(id), held.dataset.record(id)
        if record.phonemes and row.seconds <= LONGEST:
            others = held.pool.other(row.speaker, id)
            prompt = max(others[:8], key=lambda other: len(held.pool.codes(other)), default="")
            chosen.append(
                Sentence(
                    id=id,
                    prompt=prompt,
                    prompt_text=held.pool.part(prompt).row(prompt).text if prompt else "",
                    text=row.text.strip() or id,
                    language=row.language,
                    seconds=row.seconds,
                    symbols=record.phonemes,
                    prompt_symbols=held.pool.part(prompt).record(prompt).phonemes if prompt else (),
                    times=tuple(time / 1000 for time in record.times),
                    seed=len(chosen),
                )
            )
    return chosen


def _by_speaker(held: HeldOut) -> list[str]:
    """The ids, so that each speaker's first stand before any speaker's second."""
    seen: dict[str, int] = {}
    places = []
    for place, id in enumerate(held.ids):
        speaker = held.dataset.row(id).speaker
        places.append((seen.get(speaker, 0), place, id))
        seen[speaker] = seen.get(speaker, 0) + 1
    return [id for *_, id in sorted(places)]


def opened(model: Path, other: str, parts: str, device: str, said: Sequence[Sentence]) -> Synthesizer:
    """What speaks these sentences with a checkpoint, and with the run of the other half where it is one.

    Their phonemes are those of the dataset, so that what is judged is the model alone.

    Raises:
        UserError: half a model without the other, or something of it is missing.
    """
    if parts != "both" and not other:
        raise UserError(f"--model.parts {parts} speaks with the other half only: name its run with --eval-with")
    half = {"model": other, "nar_model": str(model)} if parts == "nar" else {"model": str(model), "nar_model": other}
    flags = [(name, value) for name, value in {**half, "device": device}.items() if value]
    registry = Registry.open()
    resolved = resolve(SYNTHESIS_SCHEMA, registry, flags=flags)
    known = {one.prompt_text.strip(): one.prompt_symbols for one in said} | {one.text: one.symbols for one in said}
    known |= {_continued(one): (*one.prompt_symbols, " ", *one.symbols) for one in said}
    synthesizer = open_synthesizer(
        resolved,
        registry,
        Observers(),
        read_text=lambda text, *_: known[text],
        cut_prompt=cut_at_pause,
        safeguards=Safeguards.of,
    )
    return ready(synthesizer, resolved, registry)


def _continued(one: Sentence) -> str:
    return f"{one.prompt_text.strip()} {one.text}"


def spoken(synthesizer: Synthesizer, held: HeldOut, said: Sequence[Sentence]) -> list[Speech]:
    """The speech of each sentence, in the voice of its prompt; the same for the same weights."""
    continues = synthesizer.components.task.continues
    return synthesizer(
        [
            Request(
                text=one.text,
                prompt=held.pool.codes(one.prompt) if one.prompt else None,
                prompt_text=one.prompt_text if continues and one.prompt else "",
                language=one.language,
                seed=one.seed,
                max_seconds=min(LONGEST, 2 * one.seconds + 1),
            )
            for one in said
        ]
    )


def recordings(synthesizer: Synthesizer, held: HeldOut, said: Sequence[Sentence]) -> list[Tensor]:
    """The recordings of the sentences as the codec gives them back: the best that a model can reach."""
    codec, found = synthesizer.components.codec, []
    with torch.inference_mode():
        for one in said:
            codes = held.pool.codes(one.id)[None].to(synthesizer.device)
            wav, lengths = codec.decode(codes, torch.tensor([codes.shape[1]], device=synthesizer.device))
            found.append(wav[0, : int(lengths[0])].float().cpu())
    return found
