"""pocketsphinx on the synthetic corpus: words wrong with a closed list and in dictation, and how exact alignment is.

    valle corpus --out speech --voices 12 --utterances 4 --held-out-voices 0 --languages en --seed 1
    python benchmarks/studies/recognition.py --corpus speech

The corpus knows when each word is said, but of some sentences espeak-ng tells only part ("of the" has one time); they
are not compared.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from valle_pocketsphinx.options import PocketSphinxOptions
from valle_pocketsphinx.recognizer import PocketSphinx, build

from valle_cli.demo.word_errors import wer, words
from valle_core.audio.wav import load
from valle_core.plugin import UserError

Spoken = tuple[np.ndarray, str, dict[str, Any]]
"""Waveform at 16 kHz, what is said, what the corpus knows of it."""


def spoken(corpus: Path) -> list[Spoken]:
    """All utterances, sorted by path."""
    found = []
    for path in sorted(corpus.rglob("*.wav")):
        facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        found.append((load(path, PocketSphinx.sample_rate), facts["text"], facts))
    return found


def transcribed(recognizer: PocketSphinx, wav: np.ndarray) -> str:
    """What it recognizes in one utterance."""
    (found,) = recognizer.transcribe(torch.from_numpy(wav)[None], torch.tensor([len(wav)]), languages=["en"])
    return found.text


def errors(recognizer: PocketSphinx, utterances: list[Spoken]) -> str:
    """Word error rate over all words, and utterances without an error."""
    pairs = [(text, transcribed(recognizer, wav)) for wav, text, _ in utterances]
    counts = [len(words(text)) for text, _ in pairs]
    wrong = sum(wer(text, transcript) * count for (text, transcript), count in zip(pairs, counts, strict=True))
    exact = sum(words(text) == words(transcript) for text, transcript in pairs)
    silent = sum(not transcript for _, transcript in pairs)
    return f"WER {100 * wrong / sum(counts):.1f} %, {exact} of {len(pairs)} exact, nothing recognized in {silent}"


def differences(recognizer: PocketSphinx, utterances: list[Spoken]) -> str:
    """Distance in ms between the times of alignment and the corpus's, of starts and of ends."""
    starts: list[float] = []
    ends: list[float] = []
    refused = compared = 0
    for wav, text, facts in utterances:
        given = torch.from_numpy(wav)[None], torch.tensor([len(wav)])
        try:
            (found,) = recognizer.align(*given, [text], languages=["en"])
        except UserError as error:
            print(error, file=sys.stderr)
            refused += 1
            continue
        if words(" ".join(label for label, *_ in facts["words"])) != words(text):
            continue
        compared += 1
        sound = next(start for label, start, _ in facts["phonemes"] if label)
        for word, (_, start, end) in zip(found, facts["words"], strict=True):
            starts.append(1000 * abs(word.start - max(start, sound)))
            ends.append(1000 * abs(word.end - end))
    parts = [
        f"{what} mean {np.mean(one):.0f} ms, 95 % within {np.percentile(one, 95):.0f} ms"
        for what, one in (("starts", starts), ("ends", ends), ("both", starts + ends))
    ]
    return f"{'; '.join(parts)} ({len(starts)} words of {compared} utterances; {refused} of all refused)"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    utterances = spoken(parser.parse_args().corpus)
    device = torch.device("cpu")
    print(f"pocketsphinx {version('pocketsphinx')}, Python {platform.python_version()}, {len(utterances)} utterances")
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "sentences.txt"
        plain = build(PocketSphinxOptions(), device=device)
        known = [text for _, text, _ in utterances if can_be_said(plain, text)]
        listed.write_text("\n".join(dict.fromkeys(known)), encoding="utf-8")
        closed = build(PocketSphinxOptions(sentences=listed), device=device)
    print(f"closed list of {len(set(known))} sentences: {errors(closed, utterances)}")
    print(f"dictation: {errors(plain, utterances)}")
    print(f"alignment: {differences(plain, utterances)}")
    return 0


def can_be_said(recognizer: PocketSphinx, text: str) -> bool:
    """Whether the dictionary has all its words: no sound is no place for them, which is another complaint."""
    try:
        recognizer.align(torch.zeros(1, 0), torch.tensor([0]), [text], languages=["en"])
    except UserError as error:
        return "dictionary lacks" not in str(error)
    return True


if __name__ == "__main__":
    sys.exit(main())
