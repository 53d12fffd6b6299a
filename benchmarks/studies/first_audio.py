"""How soon the voice in the box is heard, and how many times faster than real time it speaks: on an idle machine.

    OMP_NUM_THREADS=1 python benchmarks/studies/first_audio.py --threads 1
    OMP_NUM_THREADS=2 python benchmarks/studies/first_audio.py --threads 2

`whole` is `speak`: a sentence is heard when it is ready. `stream` is `Speaker.stream`: its first chunk, the most
seconds a player that begins at once has to wait for a later one, and PESQ-wb between both (4.64: equal).
"""

from __future__ import annotations

import argparse
import os
import time
from importlib import import_module
from statistics import median

import numpy as np
import torch

import valle

SENTENCES = (
    "Yes, of course.",
    "Where did the captain put the map?",
    "The night nurse saved a seat by the fire.",
    "We watched the snow fall all afternoon and made soup for the family.",
    "The old baker lost the way in the fog, but our neighbour told a long story about the sea.",
)
TIMES = 5


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    start = time.perf_counter()
    speaker = valle.load()
    loaded = time.perf_counter() - start
    start = time.perf_counter()
    speaker.speak("Hello.", voice="ben")
    first = time.perf_counter() - start
    load = os.getloadavg()[0]
    print(f"{given.threads} threads, load {load:.1f}: opened in {loaded:.2f} s, first word in {first:.2f} s\n")
    head = (
        "words",
        "speech s",
        "whole s",
        "real-time factor",
        "first chunk s",
        "longest wait s",
        "streamed s",
        "PESQ-wb",
    )
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for text in SENTENCES:
        rows = [measured(speaker, text, seed) for seed in range(TIMES)]
        seconds, spent, *streamed = (median(column) for column in zip(*rows, strict=True))
        figures = [f"{seconds:.2f}", f"{spent:.2f}", f"{spent / seconds:.3f}", *(f"{one:.2f}" for one in streamed)]
        print(f"| {len(text.split())} | {' | '.join(figures)} |")
    start = time.perf_counter()
    speeches = speaker.speak([*SENTENCES * 4], voice="ben")
    spent_all, all_ = time.perf_counter() - start, sum(one.seconds for one in speeches)
    print(f"\n{len(speeches)} sentences at once: {spent_all:.2f} s for {all_:.2f} s of speech, {spent_all / all_:.3f}")


def measured(speaker: valle.Speaker, text: str, seed: int) -> tuple[float, float, float, float, float, float]:
    """Seconds of speech, until the whole, until the first chunk, of the longest wait, until the last chunk; PESQ."""
    start = time.perf_counter()
    speech = speaker.speak(text, voice="ben", seed=seed)
    whole = time.perf_counter() - start
    start = time.perf_counter()
    came, chunks = [], []
    for chunk in speaker.stream(text, voice="ben", seed=seed):
        came.append(time.perf_counter() - start)
        chunks.append(chunk)
    waits = [at - came[0] - chunk.start for at, chunk in zip(came, chunks, strict=True)]
    sound = np.concatenate([chunk.samples for chunk in chunks])
    alike = import_module("pesq").pesq(16_000, speech.samples, sound, "wb")
    return speech.seconds, whole, came[0], max(waits), came[-1], alike


if __name__ == "__main__":
    main()
