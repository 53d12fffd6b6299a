"""Speech with known faults for `valle eval`: pieces cut out, said twice or added behind the end, and noise.

    python benchmarks/studies/planted_speech.py --table spoken.jsonl --out planted
    valle eval planted/planted.jsonl --out judged --metric per --metric alignment
    python benchmarks/studies/planted_speech.py --judged judged/result.json

The table has audio and text of natural speech. With `--reference` the clips as they were are told as recordings, so
that phonemes are expected from them; without, from the texts.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from valle_core.audio.wav import load, write

RATE = 24_000
PIECE = 0.7
"""Seconds that are cut out or said twice; a second is added behind the end."""

FAULTS = ("as it was", "cut out", "said twice", "goes on", "noise at 5 dB")
FIGURES = ("skips", "repeats", "run_ons", "additions")


def planted(table: Path, out: Path, *, reference: bool) -> Iterator[dict[str, str]]:
    """Rows of the new table; the audio is written."""
    rows = [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]
    paths = [(table.parent / row["audio"]).resolve() for row in rows]
    wavs = [load(path, RATE) for path in paths]
    for number, (row, wav) in enumerate(zip(rows, wavs, strict=True)):
        middle, piece = int(0.45 * len(wav)), int(PIECE * RATE)
        stranger = wavs[(number + 7) % len(wavs)][RATE // 2 : RATE // 2 + RATE]
        noise = np.random.default_rng(number).normal(size=len(wav)) * np.sqrt(np.mean(wav**2) / 10**0.5)
        made = (
            wav,
            joined(wav[:middle], wav[middle + piece :]),
            joined(wav[: middle + piece // 2], wav[middle - piece // 2 :]),
            joined(wav, stranger),
            (wav + noise).astype(np.float32),
        )
        for fault, spoilt in zip(FAULTS, made, strict=True):
            name = f"{fault.replace(' ', '-')}-{number}"
            write(out / f"{name}.wav", spoilt, RATE)
            row_of_clip = {"id": name, "audio": f"{name}.wav", "text": row["text"], "group": fault}
            yield row_of_clip | ({"reference": str(paths[number])} if reference else {})


def joined(*pieces: np.ndarray) -> np.ndarray:
    """One after the other, each faded in and out over 10 ms, so that no click tells the place."""
    fade = np.linspace(0, 1, RATE // 100, dtype=np.float32)
    faded = []
    for piece in pieces:
        own = piece.copy()
        own[: len(fade)] *= fade
        own[-len(fade) :] *= fade[::-1]
        faded.append(own)
    return np.concatenate(faded)


def fault_table(result: Path) -> Iterator[str]:
    """A table: of each fault, in how many clips each figure is above 0, and the phoneme errors."""
    rows = json.loads(result.read_text(encoding="utf-8"))["rows"]
    yield "| | clips | " + " | ".join(FIGURES) + " | per % |\n" + "|---" * (len(FIGURES) + 3) + "|"
    for fault in FAULTS:
        own = [row["scores"] for row in rows if row["group"] == fault and row["system"] == "speech"]
        counts = [sum(scores[name][0] > 0 for scores in own) for name in FIGURES]
        per = sum(scores["per"][0] for scores in own) / max(1, sum(scores["per"][1] for scores in own))
        yield f"| {fault} | {len(own)} | {' | '.join(map(str, counts))} | {100 * per:.1f} |"


def main() -> None:
    """Write the table, or print what was found in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, help="JSON lines with audio and text")
    parser.add_argument("--out", type=Path, default=Path("planted"))
    parser.add_argument("--reference", action="store_true", help="tell the clips as they were as recordings")
    parser.add_argument("--judged", type=Path, help="result.json of valle eval: print the table")
    given = parser.parse_args()
    if given.judged:
        print("\n".join(fault_table(given.judged)))
        return
    given.out.mkdir(parents=True, exist_ok=True)
    rows = list(planted(given.table, given.out, reference=given.reference))
    (given.out / "planted.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    print(f"wrote {len(rows)} clips to {given.out}/planted.jsonl")


if __name__ == "__main__":
    main()
