"""Does streamed speech of the voice in the box say its words: 40 sentences, streamed and whole, by the same judges.

    python benchmarks/studies/streamed_words.py OUT [--recordings RECORDINGS.jsonl]   # speak
    valle eval OUT/table.jsonl --metric wer --metric.normaliser words --metric per --metric similarity --out OUT/judged
    python benchmarks/studies/streamed_words.py OUT --report                          # Markdown

Every fifth sentence of the preset `box`, the named voices in turn, one random seed a sentence. Controls: the streamed
speech by the text of another sentence, and, with a table of recordings of the sentences, these through the codec.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from box_table import compared, headed, judged, table
from spoken_systems import decoded, write_lines
from valle_eval.presets.box import box

import valle
from valle_core.api import read_audio, write_audio

FIGURES = (("wer", "word error %", 100, 1), ("per", "phoneme error %", 100, 1), ("similarity", "similarity", 1, 3))
SYSTEMS = ("whole", "streamed", "codec", "shuffled")


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--recordings", type=Path, help="a table with id and audio")
    parser.add_argument("--report", action="store_true")
    given = parser.parse_args()
    if given.report:
        print(report(given.out))
        return
    torch.set_num_threads(1)
    for system in ("voices", *SYSTEMS[:3]):
        (given.out / system).mkdir(parents=True, exist_ok=True)
    write_lines(given.out / "table.jsonl", list(spoken(given.out, given.recordings)))


def spoken(out: Path, recordings: Path | None) -> Iterator[dict[str, Any]]:
    """Rows of the table, each once its audio is there."""
    speaker = valle.load()
    assert speaker.box is not None
    found = {}
    if recordings is not None:
        rows = map(json.loads, recordings.read_text("utf-8").splitlines())
        found = {row["id"]: recordings.parent / row["audio"] for row in rows}
    voices, sentences = list(speaker.voices), list(enumerate(box()))[::5]
    for voice in voices:
        write_audio(out / "voices" / f"{voice}.wav", decoded(speaker, speaker.box.prompt(voice)), speaker.sample_rate)
    for place, (seed, one) in enumerate(sentences):
        voice = voices[place % len(voices)]
        sounds = {"whole": speaker.speak(one.text, voice=voice, seed=seed).samples}
        chunks = [chunk.samples for chunk in speaker.stream(one.text, voice=voice, seed=seed)]
        sounds["streamed"] = np.concatenate(chunks)
        if one.id in found:
            sounds["codec"] = decoded(speaker, encoded(speaker, found[one.id]))
        for system, sound in sounds.items():
            path = out / system / f"{one.id}.wav"
            write_audio(path, sound, speaker.sample_rate)
            row = {"audio": f"{system}/{path.name}", "text": one.text, "voice": f"voices/{voice}.wav"}
            yield {"id": f"{system}/{one.id}", "group": system, **row}
        other = sentences[(place + 1) % len(sentences)][1].text
        row = {"audio": f"streamed/{one.id}.wav", "text": other, "voice": f"voices/{voice}.wav"}
        yield {"id": f"shuffled/{one.id}", "group": "shuffled", **row}


def encoded(speaker: valle.Speaker, path: Path) -> Any:
    """Codes of a recording [T, Q]."""
    sound = torch.as_tensor(read_audio(path, speaker.sample_rate))
    with torch.inference_mode():
        codes, _ = speaker.synthesizer.components.codec.encode(sound[None], torch.tensor([len(sound)]))
    return codes[0]


def report(out: Path) -> str:
    """A row for each system, as a Markdown table."""
    found = judged(out)
    lines = (compared(found, system, "whole", FIGURES) for system in SYSTEMS if system in found)
    return table(["system", "sentences", *headed(FIGURES, "whole")], lines)


if __name__ == "__main__":
    main()
