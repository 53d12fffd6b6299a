"""One evaluation as a folder, RUN/eval/step-…, which appears whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from valle_core.api import LiveRun, Registry, UserError, load_model, write_audio
from valle_training.evaluation import pictures
from valle_training.evaluation.attention import attention_of
from valle_training.evaluation.held_out import HeldOut
from valle_training.evaluation.speaking import Sentence, opened, recordings, spoken


def folder_of(run: Path, step: int) -> Path:
    """Where the evaluation of a step lies."""
    return run / "eval" / f"step-{step:08d}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """What is written of a step.

    Attributes:
        run: folder of the run.
        step: of the weights.
        held: the held-out utterances.
        said: those that are spoken.
        losses: by name.
    """

    run: Path
    step: int
    held: HeldOut
    said: Sequence[Sentence]
    losses: Mapping[str, float]

    def write(self, live: LiveRun, model: Path | None) -> list[str]:
        """Write it, with what `model`, a checkpoint of these weights, says; returns a line for each thing left out.

        Raises:
            OSError: the disk refuses.
        """
        final = folder_of(self.run, self.step)
        making = final.with_name(f".{final.name}")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        facts: dict[str, Any] = {"step": self.step, "losses": dict(self.losses), "utterances": list(self.held.ids)}
        notes: list[str] = []
        with _noted(notes):
            if model is not None:
                loaded = load_model(model, Registry.open(), device=torch.device("cpu")).model
                facts["attention"] = self._attention(loaded, making)
                parts = loaded.parts if loaded.vocabulary.num_levels > 1 else "both"
                facts["sentences"] = self._speech(live, model, parts, making) if self.said else []
        facts["notes"] = notes
        (making / "eval.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        shutil.rmtree(final, ignore_errors=True)
        making.replace(final)
        return notes

    def _speech(self, live: LiveRun, model: Path, parts: str, out: Path) -> list[dict[str, Any]]:
        """Speak the sentences; what is known of each."""
        options = live.options
        synthesizer = opened(model, options.eval_with, parts, options.device, self.said)
        rate = synthesizer.sample_rate
        found = []
        speeches = spoken(synthesizer, self.held, self.said)
        originals = recordings(synthesizer, self.held, self.said)
        for number, (one, speech, original) in enumerate(zip(self.said, speeches, originals, strict=True), 1):
            files = {"speech": f"{number}.wav", "recording": f"{number}-recording.wav", "spectrogram": f"{number}.png"}
            write_audio(out / files["speech"], speech.wav.numpy(), rate)
            write_audio(out / files["recording"], original.numpy(), rate)
            sounds = {"recording, coded": original, f"the model at step {self.step}": speech.wav}
            pictures.spectrograms(out / files["spectrogram"], sounds, rate)
            if speech.times:
                files["pointer"] = f"{number}-pointer.png"
                courses = {"the model": speech.times} | (
                    {"recording": one.times} if len(one.times) == len(speech.times) else {}
                )
                pictures.pointer(out / files["pointer"], speech.symbols, courses)
            about = {"id": one.id, "text": one.text, "prompt": one.prompt, "seed": one.seed}
            found.append({**about, "seconds": speech.seconds, "stopped": speech.stopped, **files})
        return found

    def _attention(self, model: Any, out: Path) -> str:
        """Draw it for the first row of the lowest level; the name of the file, "" where there is no attention."""
        batch = next(iter(self.held.batches.values()))[0]
        maps = attention_of(model, batch)
        if not maps:
            return ""
        places = next(iter(batch.predicted.values())).positions
        pictures.attention(out / "attention.png", maps, int(places.min()))
        return "attention.png"


@contextmanager
def _noted(notes: list[str]) -> Iterator[None]:
    """What a user can be told becomes a line, so that the rest is written all the same."""
    try:
        yield
    except UserError as error:
        notes.append(str(error))
