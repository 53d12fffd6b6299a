"""A synthetic multi-speaker corpus on disk: wav, transcript and exact phoneme times, reproducible to the byte."""

from __future__ import annotations

import json
import multiprocessing
import os
import wave
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import numpy as np
import soxr

from valle_core.plugin import UserError
from valle_espeak.sentences import GRAMMARS, draw_sentence
from valle_espeak.synthesis import SAMPLE_RATE, Span, Voice, synthesize
from valle_espeak.voices import draw_speakers

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class CorpusPlan:
    """What to speak.

    Attributes:
        voices: training speakers.
        utterances: sentences of each speaker.
        held_out_voices: speakers of the group `held-out`, whose variants and sentences training never has.
        held_out_utterances: sentences of each held-out speaker.
        languages: of `en`, `fr`, `de`, `es`; speakers are dealt to them in turn.
        minutes: stop a group's speakers evenly once about this much audio is made; 0 for no bound.
        sample_rate: of the files, Hz.
        seed: the corpus is a pure function of this plan.
        speakers: `LANGUAGE+VARIANT`, e.g. `en-us+f2`; then these speak, in place of drawn ones, the two scripts below.
        script: sentences of the group `train`; every speaker says each.
        held_out_script: sentences of the group `held-out`; the same speakers say each.
    """

    voices: int = 20
    utterances: int = 20
    held_out_voices: int = 4
    held_out_utterances: int = 5
    languages: tuple[str, ...] = ("en",)
    minutes: float = 0.0
    sample_rate: int = SAMPLE_RATE
    seed: int = 0
    speakers: tuple[str, ...] = ()
    script: tuple[str, ...] = ()
    held_out_script: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Item:
    stem: str
    text: str
    language: str
    speaker: str
    voice: Voice
    sample_rate: int


def _items(plan: CorpusPlan, group: str) -> list[_Item]:
    """The utterances of a group, one per speaker in turn, so that any beginning of the list is balanced."""
    held_out = group == "held-out"
    if plan.speakers:
        return _scripted_items(plan, group, plan.held_out_script if held_out else plan.script)
    count = plan.held_out_voices if held_out else plan.voices
    each = plan.held_out_utterances if held_out else plan.utterances
    speakers = draw_speakers(count, languages=plan.languages, seed=plan.seed, held_out=held_out)
    items = []
    for number in range(each):
        for speaker, language, voice in speakers:
            rng = Random(f"sentence {plan.seed} {group} {speaker} {number}")
            text = draw_sentence(language, rng, held_out=held_out)
            items.append(
                _Item(
                    stem=f"{group}/{speaker}/{number:04d}",
                    text=text,
                    language=voice.language,
                    speaker=speaker,
                    voice=voice,
                    sample_rate=plan.sample_rate,
                )
            )
    return items


def _scripted_items(plan: CorpusPlan, group: str, script: Sequence[str]) -> list[_Item]:
    """Every sentence by every named speaker."""
    return [
        _Item(
            stem=f"{group}/{name.replace(' ', '_')}/{number:04d}",
            text=text,
            language=name.partition("+")[0],
            speaker=name.replace(" ", "_"),
            voice=Voice(language=name.partition("+")[0], variant=name.partition("+")[2]),
            sample_rate=plan.sample_rate,
        )
        for number, text in enumerate(script)
        for name in plan.speakers
    ]


def resample(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """int16 audio at espeak-ng's rate → int16 at `sample_rate`."""
    if sample_rate == SAMPLE_RATE:
        return audio
    return soxr.resample(audio, SAMPLE_RATE, sample_rate, quality="HQ")


def write_utterance(folder: str, item: _Item) -> float:
    """Speak one item into `.wav`, `.txt` and `.json` (written last, so its presence means complete); seconds."""
    speech = synthesize(item.text, item.voice)
    audio = resample(speech.audio, item.sample_rate)
    seconds = len(audio) / item.sample_rate
    path = Path(folder) / item.stem
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path.with_suffix(".wav")), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(item.sample_rate)
        file.writeframes(np.ascontiguousarray(audio, dtype="<i2").tobytes())
    path.with_suffix(".txt").write_text(item.text + "\n", encoding="utf-8")
    facts = {
        "format_version": FORMAT_VERSION,
        "text": item.text,
        "language": item.language,
        "speaker": item.speaker,
        "voice": asdict(item.voice),
        "sample_rate": item.sample_rate,
        "seconds": round(seconds, 6),
        "phonemes": [_times(span, seconds) for span in speech.phonemes],
        "words": [_times(span, seconds) for span in speech.words],
    }
    temporary = path.with_suffix(".json.tmp")
    temporary.write_text(json.dumps(facts, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(temporary, path.with_suffix(".json"))
    return seconds


def _times(span: Span, seconds: float) -> list[str | float]:
    return [span.label, round(min(span.start, seconds), 6), round(min(span.end, seconds), 6)]


def write_corpus(
    folder: Path, plan: CorpusPlan, *, workers: int = 2, progress: Callable[[str, int, int, float], None] | None = None
) -> dict[str, float]:
    """Write the corpus under `folder/{train,held-out}/{speaker}/`; seconds of audio per group.

    Raises:
        UserError: the folder holds something else, the plan is empty, or a language has no sentences.
    """
    if bool(plan.speakers) != bool(plan.script):
        raise UserError("a scripted corpus needs both --speaker and --script. Give both, or neither")
    if plan.voices < 1 or plan.utterances < 1:
        raise UserError("a corpus needs at least one voice and one utterance. Raise --voices and --utterances")
    unknown = [language for language in plan.languages if language not in GRAMMARS]
    if unknown or not plan.languages:
        raise UserError(f"no built-in sentences for language {unknown}. Choose from: {', '.join(GRAMMARS)}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"'{folder}' is not an empty folder. Choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    seconds: dict[str, float] = {}
    for group in ("train", "held-out"):
        items = _items(plan, group)
        seconds[group] = sum(_spoken(folder, items, plan.minutes * 60, workers, group, progress))
    summary = {"format_version": FORMAT_VERSION, "plan": asdict(plan), "seconds": seconds}
    (folder / "corpus.json").write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return seconds


def _spoken(
    folder: Path,
    items: Sequence[_Item],
    bound: float,
    workers: int,
    group: str,
    progress: Callable[[str, int, int, float], None] | None,
) -> list[float]:
    """Durations of the written items; the bound is checked after whole rounds of 32, whatever the workers."""
    done: list[float] = []
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context) if workers > 1 else None
    try:
        for start in range(0, len(items), 32):
            batch = items[start : start + 32]
            folders = [str(folder)] * len(batch)
            done.extend(pool.map(write_utterance, folders, batch) if pool else map(write_utterance, folders, batch))
            if progress:
                progress(group, len(done), len(items), sum(done))
            if bound and sum(done) >= bound:
                break
    finally:
        if pool:
            pool.shutdown()
    return done
