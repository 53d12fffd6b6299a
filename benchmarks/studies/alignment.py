"""How far forced alignment (`valle prepare --align`) lies from exact durations, and how well times tell the sound.

    python benchmarks/studies/alignment.py corpus.jsonl --duration-unit 0.025 --alignment-shift -0.06 --clips 120

The table has columns audio, text, phones and durations, as `valle prepare` takes it. Boundaries are those of sounds;
pauses that punctuation stands for are told apart. Bits: what the phoneme of a frame says about its code of level 0
(mutual information, with the correction of Miller and Madow), for times moved by each shift.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from valle_core.api import Registry, build, preflight, read_audio, resolve
from valle_core.plugin import UserError
from valle_data.preparation.aligning import Aligner
from valle_data.preparation.alignments import Aligned, aligned, phonemes_of, times_of
from valle_data.preparation.components import open_aligner
from valle_data.preparation.config import PREPARE_SCHEMA

SHIFTS = range(-120, 121, 10)
MARKS = frozenset(" ˈˌ")
PAUSES = frozenset(",.;:!?—…“”")


def boundaries(symbols: Sequence[str], exact: np.ndarray, found: np.ndarray) -> tuple[list[float], list[float]]:
    """Errors in seconds of where sounds begin, and where pauses do; a sound begins with its stress mark."""
    sounds, pauses = [], []
    for place, symbol in enumerate(symbols):
        if symbol in MARKS:
            continue
        first = place
        while first and symbols[first - 1] in "ˈˌ":
            first -= 1
        (pauses if symbol in PAUSES else sounds).append(float(found[place] - exact[first]))
    return sounds, pauses


def bits(rows: Sequence[tuple[Sequence[str], np.ndarray, np.ndarray]], frame: float, shift: float) -> float:
    """Of (symbols, times, level-0 codes), with times moved by `shift` seconds."""
    names = {name: number for number, name in enumerate(sorted({one for symbols, _, _ in rows for one in symbols}))}
    joint = np.zeros((len(names) + 2, 1 + max(int(codes.max()) for _, _, codes in rows)))
    for symbols, times, codes in rows:
        middles = (np.arange(len(codes)) + 0.5) * frame
        place = np.searchsorted(times + shift, middles, side="right") - 1
        numbers = np.array([*(names[one] for one in symbols), len(names), len(names) + 1])
        np.add.at(joint, (numbers[np.where(place < 0, -1, place)], codes), 1)
    n = joint.sum()
    p = joint[joint > 0] / n
    one, other = joint.sum(1), joint.sum(0)
    entropies = [-(q * np.log2(q)).sum() for q in (one[one > 0] / n, other[other > 0] / n, p)]
    bias = ((joint > 0).sum() - (one > 0).sum() - (other > 0).sum() + 1) / (2 * n * np.log(2))
    return float(entropies[0] + entropies[1] - entropies[2] - bias)


def best(rows: Sequence[tuple[Sequence[str], np.ndarray, np.ndarray]], frame: float) -> tuple[int, float, float]:
    """The shift (ms) at which times tell most, the bits there, and those of the times as they are."""
    found = {shift: bits(rows, frame, shift / 1000) for shift in SHIFTS}
    shift = max(found, key=lambda one: found[one])
    return shift, found[shift], found[0]


def place(aligner: Aligner, wav: np.ndarray, rate: int, symbols: Sequence[str]) -> tuple[np.ndarray, float] | None:
    """Times and the share found; None where they cannot be placed."""
    try:
        placed = aligner.place(wav, rate, phonemes_of(symbols, "en-us"))
    except UserError:
        return None
    return np.array(placed.times), placed.found


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--align", default="hama")
    parser.add_argument("--codec", default="small")
    parser.add_argument("--duration-unit", type=float, default=1.0)
    parser.add_argument("--alignment-shift", type=float, default=0.0)
    parser.add_argument("--clips", type=int, default=120)
    given = parser.parse_args()
    registry, cpu = Registry.open(), torch.device("cpu")
    resolved = resolve(PREPARE_SCHEMA, registry, flags=[("align", given.align), ("codec", given.codec)])
    aligner = open_aligner(resolved, registry, cpu)
    assert aligner is not None
    (selected,) = preflight(registry, {"codec": ("codec", (given.codec,))}, device="cpu")["codec"]
    codec = build(selected, resolved.part("codec").options, device=cpu)
    lines = [json.loads(line) for line in given.table.read_text(encoding="utf-8").splitlines()]
    lines = lines[:: max(1, len(lines) // given.clips)][: given.clips]
    exact_rows, found_rows, sounds, pauses, right, wrong = [], [], list[float](), list[float](), [], []
    refused = 0
    for number, line in enumerate(lines):
        wav = read_audio(given.table.parent / line["audio"], codec.sample_rate)
        said = aligned(line["phones"], line["durations"])
        assert isinstance(said, Aligned)
        seconds = len(wav) / codec.sample_rate
        exact = np.array(times_of(said, unit=given.duration_unit, shift=given.alignment_shift, seconds=seconds)) / 1000
        other = lines[(number + 1) % len(lines)]["phones"]
        found, odd = (place(aligner, wav, codec.sample_rate, symbols) for symbols in (said.symbols, tuple(other)))
        wrong.append(odd[1] if odd else 0.0)
        if found is None:
            refused += 1
            continue
        with torch.inference_mode():
            codes, frames = codec.encode(torch.from_numpy(wav)[None], torch.tensor([len(wav)]))
        level0 = codes[0, : int(frames[0]), 0].numpy()
        right.append(found[1])
        exact_rows.append((said.symbols, exact, level0))
        found_rows.append((said.symbols, found[0], level0))
        both = boundaries(said.symbols, exact, found[0])
        sounds += both[0]
        pauses += both[1]
    frame = codec.hop / codec.sample_rate
    error, gaps = 1000 * np.array(sounds), 1000 * np.array(pauses)
    (shift, most, now), (own_shift, own_most, own_now) = best(exact_rows, frame), best(found_rows, frame)
    figures = {
        "clips": len(lines), "refused": refused, "boundaries": len(sounds),
        "mean absolute error (ms)": round(float(abs(error).mean()), 1),
        "median (ms)": round(float(np.median(abs(error))), 1),
        "mean, signed (ms)": round(float(error.mean()), 1),
        "within 20 ms (%)": round(100 * float((abs(error) <= 20).mean()), 1),
        "within 50 ms (%)": round(100 * float((abs(error) <= 50).mean()), 1),
        "pauses": len(pauses),
        "pauses: mean absolute error (ms)": round(float(abs(gaps).mean()), 1) if pauses else None,
        "found, the text that is said: least, mean": [round(min(right), 2), round(float(np.mean(right)), 2)],
        "found, another text: mean, largest": [round(float(np.mean(wrong)), 2), round(max(wrong), 2)],
        "the text that is said below 0.5 (%)": round(100 * float(np.mean(np.array(right) < 0.5)), 1),
        "another text below 0.5 (%)": round(100 * float(np.mean(np.array(wrong) < 0.5)), 1),
        "exact times: bits as they are, most bits, at shift (ms)": [round(now, 2), round(most, 2), shift],
        "forced times: bits as they are, most bits, at shift (ms)": [round(own_now, 2), round(own_most, 2), own_shift],
    }  # fmt: skip
    print(json.dumps(figures, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
