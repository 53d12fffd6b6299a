"""Every sampler on the voice in the box: phoneme error and similarity of the same 100 sentences, by each.

    python benchmarks/studies/samplers_on_voice.py OUT            # speak; what is there is kept
    valle eval OUT/table.jsonl --metric per --metric similarity --out OUT/judged
    python benchmarks/studies/samplers_on_voice.py OUT --report   # Markdown

Every second sentence of the preset `box` (with `--other` those between them, on which nothing was chosen), the twelve
named voices in turn, one random seed a sentence. Similarity is to the voice's prompt as the codec decodes it.
Differences are of the same sentence by the shipped samplers, with the bounds of 95 % by bootstrap.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from box_table import compared, headed, judged, table
from spoken_systems import FIGURES, decoded, finish, is_made, saved
from valle_eval.presets.box import box

import valle
from valle_core.api import write_audio

Chain = list[str | dict[str, Any]]
DRAW: Chain = ["sample"]
COOL: Chain = [{"name": "temperature", "t": 0.6}]
CHAINS: Mapping[str, Chain] = {
    "shipped": [*COOL, {"name": "top_p", "p": 0.9}, *DRAW],
    "greedy": ["greedy"],
    "sample": DRAW,
    "temperature 0.6": [*COOL, *DRAW],
    "temperature 0.8, top_p": [{"name": "temperature", "t": 0.8}, {"name": "top_p", "p": 0.9}, *DRAW],
    "top_p": [{"name": "top_p", "p": 0.9}, *DRAW],
    "top_k": [*COOL, {"name": "top_k", "k": 50}, *DRAW],
    "min_p": [*COOL, {"name": "min_p", "p": 0.05}, *DRAW],
    "top_nsigma": [*COOL, {"name": "top_nsigma", "n": 1.0}, *DRAW],
    "typical": [*COOL, {"name": "typical", "p": 0.9}, *DRAW],
    "epsilon": [*COOL, {"name": "epsilon", "epsilon": 3e-4}, *DRAW],
    "eta": [*COOL, {"name": "eta", "epsilon": 2e-3}, *DRAW],
    "dynamic_temperature": [{"name": "dynamic_temperature", "low": 0.3, "high": 0.9}, *DRAW],
    "entropy_adaptive": ["entropy_adaptive"],
    "mirostat": [{"name": "mirostat", "tau": 3.0}],
    "mirostat_v2": [{"name": "mirostat_v2", "tau": 3.0}],
    "repetition_penalty": [{"name": "repetition_penalty", "penalty": 1.1, "decay": 0.1}, *COOL, *DRAW],
    "repetition_aware": [*COOL, {"name": "repetition_aware", "p": 0.9}],
    "dry": [{"name": "dry", "multiplier": 0.8}, *COOL, *DRAW],
    "beam": [{"name": "beam", "width": 4}],
}
"""length_penalty and banned_tokens act on tokens that this voice never answers; masked needs masked rows."""


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--chain", action="append", choices=tuple(CHAINS), help="only these; every one by default")
    parser.add_argument("--other", action="store_true", help="the other sentences")
    given = parser.parse_args()
    names = given.chain or list(CHAINS)
    print(report(given.out)) if given.report else speak(given.out, names, first=int(given.other))


def speak(out: Path, names: Sequence[str], *, first: int) -> None:
    """Say what is missing, and list in `table.jsonl` all that is there."""
    torch.set_num_threads(1)
    speaker = valle.load()
    voices = list(speaker.voices)
    (out / "voices").mkdir(parents=True, exist_ok=True)
    assert speaker.box is not None
    for voice in voices:
        write_audio(out / "voices" / f"{voice}.wav", decoded(speaker, speaker.box.prompt(voice)), speaker.sample_rate)
    sentences = list(enumerate(box()))[first::2]
    for name in names:
        if is_made(out, name):
            continue
        start, rows = time.process_time(), []
        for place, voice in enumerate(voices):
            batch = sentences[place :: len(voices)]
            texts, seeds = [one.text for _, one in batch], [number for number, _ in batch]
            speeches = speaker.speak(texts, voice=voice, seed=seeds, sampler=CHAINS[name])
            for (_, one), speech in zip(batch, speeches, strict=True):
                rows.append(saved(out, name, one, speech, f"voices/{voice}.wav"))
        finish(out, name, rows)
        print(f"{name}: {time.process_time() - start:.0f} s of processor", flush=True)


def report(out: Path) -> str:
    """A row for each chain, as a Markdown table."""
    found = judged(out)
    lines = (compared(found, name, "shipped", FIGURES) for name in CHAINS if name in found)
    return table(["sampler", "sentences", *headed(FIGURES, "shipped")], lines)


if __name__ == "__main__":
    main()
