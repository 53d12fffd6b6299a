"""Codecs of others on random weights: seconds of sound a second, pushed frame by frame and decoded at once.

    python benchmarks/studies/codec_pushes.py [--threads 2]

In turns with convolutions by PyTorch's usual way, whose sound is compared first.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from unittest.mock import patch

import torch
from torch import Tensor

from valle_core.assemble.part import build
from valle_core.registry.registry import Registry
from valle_kit.codes import packed

CODECS = ("dac", "encodec", "vocos")
FRAMES, SETTLED, PUSHES, TURNS = 96, 40, 40, 3


def seconds(call: Callable[[], object]) -> float:
    """Wall time."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def measured(codec, codes: Tensor) -> tuple[float, float]:  # a codec of any kind
    """Times real time: frame by frame once a stream has settled, and the whole at once (the second time)."""
    stream = codec.stream(1)
    for frame in range(SETTLED):
        stream.push(codes[:, frame : frame + 1])
    pushes = [seconds(lambda f=frame: stream.push(codes[:, f : f + 1])) for frame in range(SETTLED, SETTLED + PUSHES)]
    whole = min(seconds(lambda: codec.decode(codes, torch.tensor([FRAMES]))) for _ in range(2))
    return 1 / statistics.median(pushes) / codec.frame_rate, FRAMES / codec.frame_rate / whole


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    registry = Registry.open()
    print(f"{threads} threads\n\n| codec | convolutions | a frame a push, × real time | at once, × real time | sound |")
    print("|---|---|---|---|---|")
    for name in CODECS:
        selected = registry.select("codec", name)
        codec = build(selected, selected.options_type()(weights="random"), device=torch.device("cpu"))
        codes = torch.randint(codec.codebook_size, (1, FRAMES, codec.num_levels))
        found: dict[str, list[tuple[float, float]]] = {"usual": [], "packed": []}
        sounds = {}
        for way in ["usual", "packed"] * TURNS:
            with patch.object(packed, "_takes", packed._takes if way == "packed" else lambda x, weight: False):
                found[way].append(measured(codec, codes))
                sounds[way] = codec.decode(codes, torch.tensor([FRAMES]))[0]
        apart = float((sounds["usual"] - sounds["packed"]).abs().max())
        for way, speeds in found.items():
            pushed, whole = (statistics.median(one) for one in zip(*speeds, strict=True))
            said = f"{apart:.0e} apart" if way == "packed" else ""
            print(f"| {name} | {way} | {pushed:.2f} | {whole:.2f} | {said} |")


if __name__ == "__main__":
    main()
