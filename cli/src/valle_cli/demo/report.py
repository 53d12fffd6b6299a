"""What the demo made, judged beside its controls."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from valle_cli.demo.recognition import SentenceRecognizer
from valle_cli.demo.sentences import demo_sentences
from valle_cli.demo.spoken_check import (
    Trial,
    judge,
    mean_similarity,
    say_all,
    shuffle_words,
    through_codec,
)
from valle_core.config.resolve import resolve
from valle_core.files import write_json
from valle_core.registry.hooks import SPEAKING, open_observers
from valle_core.registry.registry import Registry
from valle_core.synthesis.open import open_synthesizer
from valle_core.synthesis.options import SYNTHESIS_SCHEMA
from valle_core.synthesis.synthesizer import Synthesizer
from valle_data.audio.reading import load
from valle_data.audio.spectrogram import draw
from valle_kit.safeguards import Safeguards


def check(
    out: Path, *, sentence: str, prompt: Path, voice: str, samplers: tuple[str, ...], seed: int, levels: int
) -> dict[str, Any]:
    """Judge the spoken sentence, all sentences and the controls; writes report.json and spectrogram.png."""
    sentences = demo_sentences()
    recognizer = SentenceRecognizer(out / "sentences.txt")
    trained = open_model(out / "run", samplers)
    references = [out / "corpus" / "train" / voice / f"{number:04d}.wav" for number in range(len(sentences))]
    reference = references[sentences.index(sentence)]
    spoken = say_all(trained, sentences, prompt, seed=seed)
    timing = trained.timing
    assert timing is not None
    rate = trained.sample_rate
    say_all(trained, [sentence], prompt, seed=seed)
    alone = trained.timing
    assert alone is not None
    shuffled = say_all(trained, shuffle_words(sentences, seed), prompt, seed=seed)
    untrained = say_all(open_model(out / "untrained", samplers), sentences, prompt, seed=seed)
    trials = [
        judge("the model", [s.wav.numpy() for s in spoken], rate, recognizer, must=True),
        judge(
            "recordings through the codec",
            through_codec(references, trained.components.codec, levels, device=trained.device),
            rate,
            recognizer,
            must=True,
        ),
        judge("untrained model", [s.wav.numpy() for s in untrained], rate, recognizer, must=False),
        judge("shuffled text", [s.wav.numpy() for s in shuffled], rate, recognizer, must=False),
    ]
    speech = load(out / "speech.wav", rate)
    verdict = recognizer.judge(speech, rate, sentence)
    draw(out / "spectrogram.png", {f"recording: {sentence}": load(reference, rate), "the model": speech}, rate)
    other = next(path for path in sorted((out / "corpus" / "held-out").iterdir()) if path.name != voice) / "0000.wav"
    report = {
        "sentence": sentence,
        "hypothesis": verdict.hypothesis,
        "recognised": verdict.recognised,
        "passed": verdict.recognised and all(trial.passed for trial in trials),
        "trials": [row(trial) for trial in trials],
        "voice_similarity": {
            "to_the_prompt": mean_similarity(spoken, prompt),
            "to_the_other_voice": mean_similarity(spoken, other),
        },
        "speed": [
            {"batch": count, "tokens_per_second": found.tokens_per_second, "real_time_factor": found.real_time_factor}
            for count, found in ((1, alone), (len(sentences), timing))
        ],
        "trained_sentences": list(sentences),
        "prompt": str(prompt),
        "files": {
            "speech": str(out / "speech.wav"),
            "spectrogram": str(out / "spectrogram.png"),
            "loss_curve": str(out / "run" / "loss.png"),
        },
        "commit": commit(),
    }
    write_json(out / "report.json", report)
    return report


def open_model(run: Path, samplers: tuple[str, ...]) -> Synthesizer:
    """A synthesizer as `valle synth --model RUN` with these samplers would make it."""
    registry = Registry.open()
    words = list(zip(samplers[::2], samplers[1::2], strict=True))
    flags = [("model", str(run)), *((flag[2:].replace("-", "_"), value) for flag, value in words)]
    return open_synthesizer(
        resolve(SYNTHESIS_SCHEMA, registry, flags=flags),
        registry,
        open_observers(registry, of=SPEAKING),
        safeguards=Safeguards.of,
    )


def row(trial: Trial) -> dict[str, Any]:
    """A line of the table."""
    return {
        "what": trial.name,
        "must_be_recognised": trial.must,
        "recognised": trial.recognised,
        "of": len(trial.verdicts),
        "wer": round(trial.wer, 3),
        "passed": trial.passed,
    }


def shown(report: dict[str, Any]) -> Iterator[str]:
    """The report for a person; a failure is shown as a failure."""
    yield "\nTrained on these sentences, by two voices:"
    for sentence in report["trained_sentences"]:
        yield f"  {sentence}"
    yield f"Voice prompt (never trained on): {report['prompt']}\n"
    yield f"{'judged by a recognizer that knows the sentences':<50}{'recognised':>12}{'WER':>7}   must be    verdict"
    for trial in report["trials"]:
        count = f"{trial['recognised']}/{trial['of']}"
        must = "recognised" if trial["must_be_recognised"] else "rejected"
        verdict = "ok" if trial["passed"] else "FAILED"
        yield f"{trial['what']:<50}{count:>12}{trial['wer']:>7.2f}   {must:<11}{verdict}"
    alike = report["voice_similarity"]
    here, there = alike["to_the_prompt"], alike["to_the_other_voice"]
    yield f"\nvoice: {here:.3f} alike to the prompt, {there:.3f} to the other voice"
    for speed in report["speed"]:
        yield (
            f"speed, batch of {speed['batch']}: {speed['tokens_per_second']:.0f} tokens/s at level 0, "
            f"real-time factor {speed['real_time_factor']:.3f} (below 1 is faster than real time)"
        )
    for name, path in report["files"].items():
        yield f"{name.replace('_', ' ')}: {path}"
    hypothesis = report["hypothesis"] or "nothing it knows"
    verdict = "RECOGNISED" if report["recognised"] else "NOT RECOGNISED"
    yield f"\nasked to say: {report['sentence']}\nrecognized:   {hypothesis}\n{verdict}"
    if not report["passed"]:
        yield "The demo FAILED: see the table above."
    if report.get("steps", 0) < report.get("steps_wanted", 0):
        yield (
            f"The time for training was over after {report['steps']} of {report['steps_wanted']} steps: the machine "
            "is slow or busy. The same command goes on from there."
        )


def commit() -> str:
    """The commit of the source tree, where this runs from one."""
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"
