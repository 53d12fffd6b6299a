"""How soon the voice in the box is heard, and how many times faster than real time it speaks: on an idle machine.

    OMP_NUM_THREADS=1 python benchmarks/studies/first_audio.py --threads 1
    OMP_NUM_THREADS=2 python benchmarks/studies/first_audio.py --threads 2

Nothing is streamed within a sentence: first audio is a whole sentence, and of a paragraph its first sentence.
"""

from __future__ import annotations

import argparse
import os
import time
from statistics import median

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
    print("| sentence, words | first audio s | speech s | real-time factor |\n|---|---|---|---|")
    for text in SENTENCES:
        spent, seconds = [], 0.0
        for seed in range(TIMES):
            start = time.perf_counter()
            seconds = speaker.speak(text, voice="ben", seed=seed).seconds
            spent.append(time.perf_counter() - start)
        print(f"| {len(text.split())} | {median(spent):.2f} | {seconds:.2f} | {median(spent) / seconds:.3f} |")
    start = time.perf_counter()
    speeches = speaker.speak([*SENTENCES * 4], voice="ben")
    spent_all, all_ = time.perf_counter() - start, sum(one.seconds for one in speeches)
    print(f"| {len(speeches)} sentences at once | {spent_all:.2f} | {all_:.2f} | {spent_all / all_:.3f} |")


if __name__ == "__main__":
    main()
