"""Does a sentence profit from what was said before it: prompts of the voice, or with the end of the last sentence.

    python benchmarks/studies/carried_context.py OUT                     # speak
    valle eval OUT/table.jsonl --metric wer --metric.normaliser words --metric per --metric similarity --out OUT/judged
    python benchmarks/studies/carried_context.py OUT --report            # Markdown

Forty texts of two sentences of the preset `box`, the named voices in turn. The first sentence is the same in all
systems; the second is judged. `alone`: by the prompt of the voice, as `valle` does. `carried`: the prompt's last second
and the last second of the first sentence. `tail`: the last two seconds of the first sentence. Beside the metrics: the
step of loudness from one sentence to the other in decibels, without sign.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from box_table import compared, headed, judged, table
from spoken_systems import write_lines
from valle_eval.presets.box import box

import valle
from valle_core.api import Request, write_audio

FIGURES = (("wer", "word error %", 100, 1), ("per", "phoneme error %", 100, 1), ("similarity", "similarity", 1, 3))
SYSTEMS = ("alone", "carried", "tail")
TEXTS = 40


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--report", action="store_true")
    given = parser.parse_args()
    if given.report:
        print(report(given.out))
        return
    torch.set_num_threads(1)
    for system in ("first", *SYSTEMS):
        (given.out / system).mkdir(parents=True, exist_ok=True)
    write_lines(given.out / "table.jsonl", list(spoken(given.out)))


def spoken(out: Path) -> Iterator[dict[str, Any]]:
    """Rows of the table, each once its audio is there."""
    speaker = valle.load()
    assert speaker.box is not None
    synthesizer, voices = speaker.synthesizer, list(speaker.voices)
    sentences = [one for one in box() if one.group != "one-word"]
    pairs = list(zip(sentences[::2], sentences[1::2], strict=False))
    for place, (first, second) in enumerate(pairs[:: max(1, len(pairs) // TEXTS)][:TEXTS]):
        prompt = speaker.box.prompt(voices[place % len(voices)])
        request = Request(text=first.text, prompt=prompt, seed=place)
        (before,) = synthesizer([request])
        write_audio(out / "first" / f"{first.id}.wav", before.wav.numpy(), speaker.sample_rate)
        prompts = {
            "alone": prompt,
            "carried": torch.cat([prompt[-50:], before.codes[-50:].to(prompt)]),
            "tail": before.codes[-100:].to(prompt),
        }
        for system, codes in prompts.items():
            (speech,) = synthesizer([replace(request, text=second.text, prompt=codes)])
            write_audio(out / system / f"{second.id}.wav", speech.wav.numpy(), speaker.sample_rate)
            yield {
                "id": f"{system}/{second.id}",
                "group": system,
                "audio": f"{system}/{second.id}.wav",
                "text": second.text,
                "voice": f"first/{first.id}.wav",
                "step": float(abs(loudness(speech.wav.numpy()) - loudness(before.wav.numpy()))),
            }


def loudness(wav: np.ndarray) -> float:
    """Decibels of the mean square of what is louder than a hundredth."""
    loud = wav[np.abs(wav) > 0.01]
    return 10 * np.log10(np.mean(loud**2)) if len(loud) else -40.0


def report(out: Path) -> str:
    """A row for each system, as a Markdown table."""
    steps = {row["id"]: row["step"] for row in map(json.loads, (out / "table.jsonl").read_text("utf-8").splitlines())}
    found = judged(out)
    lines = []
    for system in SYSTEMS:
        step = f"{np.mean([steps[f'{system}/{one}'] for one in found[system]]):.2f}"
        lines.append([*compared(found, system, "alone", FIGURES), step])
    return table(["second sentence", "texts", *headed(FIGURES, "alone"), "step dB"], lines)


if __name__ == "__main__":
    main()
