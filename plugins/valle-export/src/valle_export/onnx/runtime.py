"""Speaks with an exported ONNX folder: numpy and onnxruntime alone, no torch and no valle.

    python speak.py "ð ə   b oʊ t" --out speech.wav

Phonemes are the symbols of `speech.json`, separated by spaces; `|` is the space between words. Every folder holds this
file as `speak.py`.
"""

from __future__ import annotations

import argparse
import json
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

Choose = Callable[[np.ndarray], int]
"""Logits [V] → a code."""


def greedy(logits: np.ndarray) -> int:
    """The most probable code."""
    return int(logits.argmax())


def sampled(seed: int, temperature: float = 1.0, top_p: float = 1.0) -> Choose:
    """Draws from the most probable codes that together have `top_p`, at a temperature."""
    generator = np.random.default_rng(seed)

    def choose(logits: np.ndarray) -> int:
        scaled = logits.astype(np.float64) / temperature
        chances = np.exp(scaled - scaled.max())
        chances /= chances.sum()
        order = np.argsort(-chances, kind="stable")
        before = np.cumsum(chances[order]) - chances[order]
        kept = order[before < top_p]
        return int(generator.choice(kept, p=chances[kept] / chances[kept].sum()))

    return choose


class OnnxSpeaker:
    """The graphs of a folder, opened once.

    Attributes:
        about: its speech.json.
        sample_rate: Hz of the sound.
    """

    def __init__(self, folder: str | Path, *, threads: int = 0) -> None:
        place = Path(folder)
        self.about: dict[str, Any] = json.loads((place / "speech.json").read_text(encoding="utf-8"))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads

        def opened(name: str) -> Any:
            path = place / name
            providers = ["CPUExecutionProvider"]
            return onnxruntime.InferenceSession(path, options, providers=providers) if path.is_file() else None

        self.step, self.levels, self.codec = map(opened, ("step.onnx", "levels.onnx", "codec.onnx"))
        self.sample_rate: int = self.about["sample_rate"]

    def speak(self, symbols: Sequence[str], prompt: np.ndarray | None = None, **how: Any) -> np.ndarray:
        """Sound [N] in [−1, 1] of phonemes; see `codes`."""
        return self.sound(self.codes(symbols, prompt, **how))

    def sound(self, codes: np.ndarray) -> np.ndarray:
        """Codes [F, Q] → sound [N]."""
        if self.codec is None:
            raise ValueError("this folder has no codec.onnx: its codec cannot be exported. Decode with valle")
        return self.codec.run(None, {"codes": codes[None]})[0][0]

    def codes(
        self,
        symbols: Sequence[str],
        prompt: np.ndarray | None = None,
        *,
        language: str = "",
        choose: Choose = greedy,
        max_frames: int = 1000,
    ) -> np.ndarray:
        """Codes [F, Q] of phonemes, in the voice of a prompt's codes [P, Q].

        Args:
            symbols: phonemes, as the frontend writes them.
            prompt: codes of all levels; None for a voice that the model chooses.
            language: tag; the first of the model where it is left out.
            choose: how a code of level 0 is chosen; the other levels take the most probable.
            max_frames: longest answer.
        """
        if prompt is None:
            prompt = np.zeros((0, self.about["codec_levels"]), dtype=np.int64)
        text = self.indices(symbols)
        level0 = self.first_level(text, prompt, language, choose, max_frames)
        codes = np.array(level0, dtype=np.int64)[:, None]
        for level in range(1, self.about["num_levels"]):
            rows = filled(self.row(text, prompt, language, level, codes), self.about["table"])
            if self.levels is None:
                break
            asked = {"indices": rows, "level": np.array([level])}
            logits = self.levels.run(None, asked)[0][0, -len(codes) :]
            codes = np.concatenate([codes, logits.argmax(-1)[:, None]], 1)
        return codes

    def first_level(
        self, text: list[int], prompt: np.ndarray, language: str, choose: Choose, max_frames: int
    ) -> list[int]:
        """The codes of level 0; the first is never the stop token."""
        if self.step is None:
            raise ValueError("this folder has no step.onnx: the run has no level 0")
        layers, heads, width = self.about["cache"]
        keys = values = np.zeros((layers, 1, heads, 0, width), dtype=np.float32)
        stop, found = self.about["codebook_size"], list[int]()
        rows = filled(self.row(text, prompt, language, 0, np.zeros((0, 1), dtype=np.int64)), self.about["table"])
        extra = self.markers(language, 0)
        for _ in range(max_frames):
            logits, keys, values = self.step.run(None, {"indices": rows, "keys": keys, "values": values})
            if not found:
                logits[:, stop] = -np.inf
            code = choose(logits[0])
            if code == stop:
                break
            found.append(code)
            rows = np.array([[[self.start("AR:0:0") + code, *extra]]])
        return found

    def start(self, name: str) -> int:
        """First table row of a range."""
        return self.about["ranges"][name][0]

    def indices(self, symbols: Sequence[str]) -> list[int]:
        """Phonemes as indices; one that the model does not know becomes its unknown symbol."""
        known: dict[str, int] = {symbol: place for place, symbol in enumerate(self.about["symbols"])}
        unknown: int = self.about["unknown"]
        return [known.get(symbol, unknown) for symbol in symbols]

    def language(self, tag: str) -> int:
        """Index of a language. Raises `ValueError` for one that the model has not."""
        tags = self.about["languages"]
        if tag and tag not in tags:
            raise ValueError(f"language '{tag}' is not the model's; choose one of {', '.join(tags)}")
        return tags.index(tag) if tag else 0

    def markers(self, language: str, level: int) -> list[int]:
        """Table rows in every position, where markers are summed."""
        if not self.about["sum_markers"]:
            return []
        return [self.start("language") + self.language(language), self.start("level") + level]

    def row(self, text: list[int], prompt: np.ndarray, language: str, level: int, codes: np.ndarray) -> list[list[int]]:
        """Table rows of each position, in the order of the model; `codes` are the levels of the answer so far."""
        about, tag = self.about, self.language(language)
        first = self.start("text") + (tag * len(about["symbols"]) if about["per_language_text"] else 0)
        below = ["AR:0:0"] if level == 0 else [f"NAR:{one - 1}:{one}" for one in range(1, level + 1)]
        spoken = [[self.start(f"prompt:{one}") + int(code) for one, code in enumerate(frame)]
                  for frame in prompt[:, : about["num_levels"]]]  # fmt: skip
        answer = [[self.start(name) + int(code) for name, code in zip(below, frame, strict=True)] for frame in codes]
        segments = {
            "text": [[first + one] for one in text],
            "language": [[self.start("language") + tag]],
            "level": [[self.start("level") + level]],
            "prompt": spoken if about["sum_prompt"] else [[frame[level]] for frame in spoken],
            "response": answer if about["sum_response"] else [frame[-1:] for frame in answer],
        }
        order = [name for name in about["order"] if name in segments]
        if about["sum_markers"]:
            order = [name for name in order if name not in ("language", "level")]
        extra, separator = self.markers(language, level), [[self.start("separator")]]
        positions = [one for name in order for one in (*segments[name], *(separator if name != "response" else ()))]
        return [[*one, *extra] for one in positions]


def filled(rows: list[list[int]], zero: int) -> np.ndarray:
    """[1, T, K] table rows, filled up with the row that is zero."""
    most = max(map(len, rows))
    return np.array([[[*row, *[zero] * (most - len(row))] for row in rows]], dtype=np.int64)


def write_wav(path: str | Path, sound: np.ndarray, sample_rate: int) -> None:
    """16 bit, one channel."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())


def main() -> None:
    """Command line of `speak.py`."""
    parser = argparse.ArgumentParser(description="Speak phonemes with the ONNX graphs in the folder of this file.")
    parser.add_argument("phonemes", help="symbols separated by spaces, | between words")
    parser.add_argument("--out", default="speech.wav", help="wav file to write")
    parser.add_argument("--prompt", help=".npy file with the codes [frames, levels] of a recording")
    parser.add_argument("--language", default="", help="language tag; left out: the first of the model")
    parser.add_argument("--seed", type=int, help="draw codes with this random seed; left out: take the most probable")
    given = parser.parse_args()
    speaker = OnnxSpeaker(Path(__file__).parent)
    prompt = None if given.prompt is None else np.load(given.prompt, allow_pickle=False)
    symbols = [" " if one == "|" else one for one in given.phonemes.split()]
    choose = greedy if given.seed is None else sampled(given.seed, temperature=0.8, top_p=0.9)
    sound = speaker.speak(symbols, prompt, language=given.language, choose=choose)
    write_wav(given.out, sound, speaker.sample_rate)
    print(f"{given.out}: {len(sound) / speaker.sample_rate:.2f} s")  # noqa: T201


if __name__ == "__main__":
    main()
