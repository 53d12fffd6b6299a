"""A model says the sentences: audio files with what their making took, kept so that a stopped run goes on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from valle_core.api import (
    SYNTHESIS_SCHEMA,
    CommandContext,
    Request,
    Resolved,
    open_observers,
    open_synthesizer,
    write_audio,
)
from valle_core.codes.identity import hash_tensors
from valle_eval.journal import Journal, key_of
from valle_eval.options import EvalOptions
from valle_eval.recordings import Recording
from valle_eval.sentences import Sentence
from valle_kit.engine import Together
from valle_kit.opened import ready
from valle_kit.pauses import cut_at_pause
from valle_kit.safeguards import Safeguards
from valle_language.long_text import Splitting, speak_long
from valle_language.phonemic import symbols_of

Progress = Callable[[int, int, str], None]
AFTER_AUDIO = ("after_audio",)


def open_speaker(context: CommandContext) -> Together:
    """The model of `--model`, as `valle synth` opens it; a batch is spoken as its sentences alone are."""
    given = context.resolved
    parts = {slot.name: given.parts[slot.name] for slot in SYNTHESIS_SCHEMA.slots}
    own = Resolved(parts=parts, sections={"synthesis": given.sections["synthesis"]}, schema=SYNTHESIS_SCHEMA)
    observers = open_observers(context.registry, of=AFTER_AUDIO)
    opened = open_synthesizer(
        own, context.registry, observers, read_text=symbols_of, cut_prompt=cut_at_pause, safeguards=Safeguards.of
    )
    return Together(ready(opened, own, context.registry))


def facts_of_model(speaker: Together, resolved: Resolved) -> dict[str, Any]:
    """What its speech depends on: weights by hash, codec, samplers with their options."""
    parts = speaker.components
    halves = {"level 0": parts.ar} if parts.ar is parts.nar else {"level 0": parts.ar, "other levels": parts.nar}
    return {
        "model": str(resolved.sections["synthesis"].model),
        "weights": {name: hash_tensors(model.state_dict()) for name, model in halves.items()},
        "codec": f"{parts.codec.identity.name} {parts.codec.identity.weights_hash}",
        "samplers": {
            slot: [{"name": part.name, **asdict(part.options)} for part in resolved.parts[slot]]
            for slot in ("task", "sampler", "nar_sampler")
        },
    }


def speak(
    speaker: Together,
    facts_of: Mapping[str, Any],
    sentences: Sequence[Sentence],
    own: EvalOptions,
    folder: Path,
    journal: Journal,
    progress: Progress,
) -> list[Sentence]:
    """The sentences with audio in `folder`, what the making took, and whether the speech ended by itself.

    Sentence k is spoken with seed + k, whatever else is spoken; the time of a batch is shared by duration.
    """
    digests = {one.voice: Recording(one.voice).digest for one in sentences if one.voice}
    spoken: dict[str, Sentence] = {}
    left: list[tuple[Sentence, Request, str]] = []
    for number, one in enumerate(sentences):
        request = Request(
            text=one.text,
            prompt=one.voice,
            prompt_text=one.voice_text if speaker.components.task.continues else "",
            language=one.language if one.language in speaker.components.languages else None,
            seed=own.seed + number,
            max_seconds=own.max_duration,
        )
        facts = (one.text, request.language, request.prompt_text, request.seed, own.max_duration, own.split)
        key = key_of("said", facts_of, one.voice and digests[one.voice], *facts)
        path = folder / f"{file_name(one.id)}.wav"
        known = journal.get(key)
        if known and path.is_file() and Recording(path).digest == known["digest"]:
            spoken[one.id] = replace(one, audio=path, making=known["making"], ended=known["ended"])
        else:
            left.append((one, request, key))
    for start in range(0, len(left), own.batch):
        batch = left[start : start + own.batch]
        for one, facts in zip(batch, _spoken(speaker, batch, own, folder), strict=True):
            journal.put(one[2], facts)
            path = folder / f"{file_name(one[0].id)}.wav"
            spoken[one[0].id] = replace(one[0], audio=path, making=facts["making"], ended=facts["ended"])
        progress(len(spoken), len(sentences), "spoken")
    return [spoken[one.id] for one in sentences]


def _spoken(
    speaker: Together, batch: Sequence[tuple[Sentence, Request, str]], own: EvalOptions, folder: Path
) -> list[dict[str, Any]]:
    requests = [request for _, request, _ in batch]
    speeches = speak_long(speaker, requests, Splitting(by=own.split), speaker.components.languages)
    timing = speaker.timing
    assert timing is not None
    facts = []
    for (one, _, _), speech in zip(batch, speeches, strict=True):
        path = folder / f"{file_name(one.id)}.wav"
        write_audio(path, speech.wav.numpy(), speech.sample_rate)
        making = timing.total * speech.seconds / max(timing.audio_seconds, 1e-9)
        facts.append({"making": making, "ended": speech.stopped, "digest": Recording(path).digest})
    return facts


def untrained(speaker: Together, seed: int) -> None:
    """Draw every matrix of the model anew, as large as it was: the same network, and nothing that it has learnt."""
    generator = torch.Generator().manual_seed(seed)
    for model in {id(one): one for one in (speaker.components.ar, speaker.components.nar)}.values():
        for parameter in model.parameters():
            if parameter.ndim > 1 and parameter.is_floating_point():
                drawn = torch.randn(parameter.shape, generator=generator) * parameter.detach().float().cpu().std()
                parameter.data.copy_(drawn)


def file_name(id: str) -> str:
    """A name for a file, unique for every id."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", id)[:80].strip(".") or "sentence"
    return plain if plain == id else f"{plain}-{hashlib.sha256(id.encode()).hexdigest()[:8]}"
