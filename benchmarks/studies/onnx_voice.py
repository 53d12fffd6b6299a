"""The shipped voice in onnxruntime beside valle: equal codes, and CPU seconds for a second of speech.

valle export $BOX --format onnx --out FOLDER, then: python benchmarks/studies/onnx_voice.py $BOX FOLDER
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from valle_export.onnx.runtime import OnnxSpeaker

from valle_core.api import Observers, Registry, Request, open_synthesizer, resolve
from valle_core.synthesis.options import SYNTHESIS_SCHEMA

TEXTS = (
    "The boat sails tonight.",
    "A small child walked along the river and looked at the birds.",
    "Where did you put the keys?",
)


def timed(made: Callable[[], Any]) -> tuple[Any, float]:
    """What it makes, and the CPU seconds of this process."""
    begin = time.process_time()
    return made(), time.process_time() - begin


def main(box: Path, folder: Path) -> None:
    """One row for each voice and text."""
    torch.set_num_threads(1)
    registry = Registry.open()
    flags = {"model": f"{box}/ar", "nar_model": f"{box}/nar", "sampler": "greedy", "nar_sampler": "greedy",
             "device": "cpu", "durations": "usual", "vectors": "chosen"}  # fmt: skip
    ours = open_synthesizer(resolve(SYNTHESIS_SCHEMA, registry, flags=flags.items()), registry, Observers())
    theirs = OnnxSpeaker(folder, threads=1)
    print("| voice | seconds | equal codes | valle | onnxruntime |\n|---|---|---|---|---|")
    for voice in ("ada", "hugh"):
        prompt = np.load(folder / "voices" / f"{voice}.npy")
        for text in TEXTS:
            requests = [Request(text=text, prompt=torch.from_numpy(prompt))]
            ours(requests)  # the warm-up
            (speech,), first = timed(lambda requests=requests: ours(requests))
            codes, second = timed(lambda speech=speech, prompt=prompt: theirs.codes(speech.symbols, prompt))
            wav, third = timed(lambda codes=codes: theirs.sound(codes))
            seconds, equal = len(wav) / theirs.sample_rate, np.array_equal(codes, speech.codes.numpy())
            rates = f"{first / seconds:.3f} | {(second + third) / seconds:.3f}"
            print(f"| {voice} | {seconds:.2f} | {'yes' if equal else 'no'} | {rates} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
