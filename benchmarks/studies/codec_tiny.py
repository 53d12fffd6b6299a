"""The built-in codecs on held-out speech: PESQ-wb and STOI by levels, speed, and the curve of the training run.

    valle corpus --out data/corpus --voices 400 --utterances 12 --held-out-voices 24 --held-out-utterances 8 \
        --languages en,en,en,fr,de,es --sample-rate 16000 --seed 1
    python benchmarks/studies/codec_tiny.py --corpus data/corpus --run runs/codec --out benchmarks/results/codec-tiny.md
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor
from valle_codec_tiny import codec, mel_gl
from valle_codec_tiny.quality import LEVELS, score
from valle_codec_tiny.speech import held_out

SECONDS = 10
"""Length of the clip whose encoding and decoding is timed."""


def through(one: codec.TinyCodec | mel_gl.MelGriffinLimCodec) -> Callable[[Tensor, int], Tensor]:
    """Encode, keep the first levels, decode."""

    def reconstruct(clip: Tensor, levels: int) -> Tensor:
        codes, frames = one.encode(clip[None], torch.tensor([len(clip)]))
        return one.decode(codes[..., :levels], frames)[0][0]

    return reconstruct


def realtime(one: codec.TinyCodec | mel_gl.MelGriffinLimCodec, clip: Tensor) -> tuple[float, float]:
    """How many times faster than real time, encoding and decoding; best of five."""
    wav, lengths = clip[None], torch.tensor([len(clip)])
    codes, frames = one.encode(wav, lengths)
    best = [float("inf"), float("inf")]
    for _ in range(5):
        for index, work in enumerate((lambda: one.encode(wav, lengths), lambda: one.decode(codes, frames))):
            start = time.perf_counter()
            work()
            best[index] = min(best[index], time.perf_counter() - start)
    return SECONDS / best[0], SECONDS / best[1]


def plot(log: Path, out: Path) -> None:
    """Held-out PESQ and STOI over the steps of the run."""
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if "held_out" in row]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for place, measure in zip(figure.subplots(1, 2), ("pesq", "stoi"), strict=True):
        for level in rows[-1]["held_out"]:
            place.plot(
                [row["step"] for row in rows],
                [row["held_out"][level][measure] for row in rows],
                label=f"{level} levels",
            )
        place.set(
            xlabel="step", ylabel={"pesq": "PESQ-wb", "stoi": "STOI"}[measure], title="held-out voices, sentences"
        )
        place.grid(visible=True, alpha=0.3)
        place.legend()
    figure.savefig(out, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--run", type=Path, help="folder of the training run, for its curve")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=0, help="0: all held-out clips")
    parser.add_argument("--note", default="", help="hardware, commit, date: anything the table should say")
    given = parser.parse_args()
    clips = held_out(given.corpus, given.clips)
    long = torch.cat(clips)[: SECONDS * 16000]
    codecs = {
        "tiny": codec.build(codec.TinyOptions(), device=torch.device("cpu")),
        "mel-gl": mel_gl.build(mel_gl.MelGriffinLimOptions(), device=torch.device("cpu")),
    }
    lines = [f"# The built-in codecs on {len(clips)} held-out utterances", "", given.note, ""]
    lines += ["| codec | levels | kbit/s | PESQ-wb | STOI |", "|---|---|---|---|---|"]
    speeds = ["| codec | encode, × real time | decode, × real time | weights, MB |", "|---|---|---|---|"]
    for name, one in codecs.items():
        table = score(clips, through(one))
        for level in LEVELS:
            row = table[level]
            lines.append(f"| {name} | {level} | {level * 0.4:.1f} | {row['pesq']:.3f} | {row['stoi']:.3f} |")
        encode, decode = realtime(one, long)
        shipped = {"tiny": codec.SHIPPED, "mel-gl": mel_gl.SHIPPED}[name]
        speeds.append(f"| {name} | {encode:.0f} | {decode:.0f} | {shipped.stat().st_size / 1e6:.2f} |")
    lines += ["", *speeds, ""]
    if given.run:
        picture = given.out.with_suffix(".png")
        plot(given.run / "log.jsonl", picture)
        lines += [f"![held-out quality over the run]({picture.name})", ""]
    given.out.write_text("\n".join(lines), encoding="utf-8")
    print(given.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
