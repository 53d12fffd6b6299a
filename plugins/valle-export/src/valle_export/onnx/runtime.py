"""Speaks with an exported ONNX folder: numpy and onnxruntime alone, no torch and no valle.

    python speak.py "ð ə   b oʊ t" --out speech.wav

Phonemes are the symbols of `speech.json`, separated by spaces; `|` is the space between words. Every folder holds this
file as `speak.py`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime

Choose = Callable[[np.ndarray], int]
"""Logits [V] → a code."""


def greedy(logits: np.ndarray) -> int:
    """The most probable code."""
    return int(logits.argmax())


def sampled(seed: int, temperature: float = 1.0, top_p: float = 1.0) -> Choose:
    """Draws from the most probable codes that together have `top_p`, at a temperature."""
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}")
    if not (temperature > 0 and 0 < top_p <= 1):
        raise ValueError(f"temperature must be above 0 and top_p in (0, 1], got {temperature:g} and {top_p:g}")
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
        self.step_text, self.levels_text = map(opened, ("step_text.onnx", "levels_text.onnx"))
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

        Raises:
            ValueError: a prompt, a language or a text that the model cannot take.
        """
        if max_frames < 1:
            raise ValueError(f"max_frames must be at least 1, got {max_frames}")
        prompt, text, places = self.checked(prompt), self.indices(symbols), list[Place]()
        level0 = self.first_level(text, prompt, language, choose, max_frames, places)
        codes = np.array(level0, dtype=np.int64)[:, None]
        if self.levels is None:
            return codes
        rules, said = self.rules(1), self.spoken(self.levels_text, text, language)
        for level in range(1, rules["num_levels"]):
            rows = filled(self.row(text, prompt, language, level, codes), rules["table"])
            asked = {"indices": rows, "level": np.array([level])}
            if said is not None:
                asked["guide"] = said.guide(rows.shape[1], places)
            logits = self.levels.run(None, asked)[0][0, -len(codes) :]
            codes = np.concatenate([codes, logits.argmax(-1)[:, None]], 1)
        return codes

    def first_level(
        self,
        text: list[int],
        prompt: np.ndarray,
        language: str,
        choose: Choose,
        max_frames: int,
        places: list[Place] | None = None,
    ) -> list[int]:
        """The codes of level 0; the first is never the stop token. `places` gets where a pointer was at each."""
        if self.step is None:
            raise ValueError("this folder has no step.onnx: the run has no level 0")
        layers, heads, width = self.about["cache"]
        keys = values = np.zeros((layers, 1, heads, 0, width), dtype=np.float32)
        stop, found, places = self.about["codebook_size"], list[int](), [] if places is None else places
        rows = filled(self.row(text, prompt, language, 0, np.zeros((0, 1), dtype=np.int64)), self.about["table"])
        extra = self.markers(language, 0)
        said = self.spoken(self.step_text, text, language)
        walk = None if said is None else Walk(said)
        for _ in range(max_frames):
            asked = {"indices": rows, "keys": keys, "values": values}
            if walk is not None:
                asked["guide"] = walk.text.guide(rows.shape[1], [walk.place])
            logits, keys, values, *advance = self.step.run(None, asked)
            if not found or walk is not None:
                logits[:, stop] = -np.inf
            if walk is not None:
                if walk.over:
                    break
                places.append(walk.place)
                walk.answered(float(advance[0][0]))
            code = choose(logits[0])
            if code == stop:
                break
            found.append(code)
            rows = np.array([[[self.start("AR:0:0") + code, *extra]]])
        return found

    def spoken(self, graph: Any, text: list[int], language: str) -> SpokenText | None:
        """What a text adds to the positions that answer its frames; None where the model attends to its text."""
        if graph is None:
            return None
        if not text:
            raise ValueError("there is no phoneme to say; give at least one")
        return SpokenText(
            *graph.run(None, {"symbols": np.array([text]), "language": np.array([self.language(language)])})
        )

    def rules(self, level: int) -> dict[str, Any]:
        """What the half that answers a level says of its rows."""
        return self.about if level == 0 else {**self.about, **self.about.get("levels", {})}

    def start(self, name: str, level: int = 0) -> int:
        """First table row of a range, in the half that answers a level."""
        return self.rules(level)["ranges"][name][0]

    def checked(self, prompt: np.ndarray | None) -> np.ndarray:
        """Codes of a prompt [P, Q], of None no frame. Raises `ValueError` for what is not codes of this codec."""
        levels, most = self.about["codec_levels"], self.about["codebook_size"] - 1
        codes = np.zeros((0, levels), dtype=np.int64) if prompt is None else np.asarray(prompt)
        if codes.dtype.kind not in "iu" or codes.ndim != 2 or codes.shape[1] != levels:
            raise ValueError(f"a prompt must be integers [frames, {levels}], got {codes.dtype} {list(codes.shape)}")
        for code in codes.ravel()[(codes.ravel() < 0) | (codes.ravel() > most)][:1]:
            raise ValueError(f"codes of a prompt must be in [0, {most}], got {code}")
        return codes

    def unread(self, symbols: Sequence[str]) -> list[str]:
        """Phonemes that the model does not know, each once."""
        return [symbol for symbol in dict.fromkeys(symbols) if symbol not in self.about["symbols"]]

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
        if not self.rules(level)["sum_markers"]:
            return []
        return [self.start("language", level) + self.language(language), self.start("level", level) + level]

    def row(self, text: list[int], prompt: np.ndarray, language: str, level: int, codes: np.ndarray) -> list[list[int]]:
        """Table rows of each position, in the order of the model; `codes` are the levels of the answer so far."""
        about, tag = self.rules(level), self.language(language)
        start = {name: first for name, (first, _) in about["ranges"].items()}
        first = start["text"] + (tag * len(about["symbols"]) if about["per_language_text"] else 0)
        below = ["AR:0:0"] if level == 0 else [f"NAR:{one - 1}:{one}" for one in range(1, level + 1)]
        spoken = [[start[f"prompt:{one}"] + int(code) for one, code in enumerate(frame)]
                  for frame in prompt[:, : about["num_levels"]]]  # fmt: skip
        answer = [[start[name] + int(code) for name, code in zip(below, frame, strict=True)] for frame in codes]
        segments = {
            "text": [[first + one] for one in text],
            "language": [[start["language"] + tag]],
            "level": [[start["level"] + level]],
            "prompt": spoken if about["sum_prompt"] else [[frame[level]] for frame in spoken],
            "response": answer if about["sum_response"] else [frame[-1:] for frame in answer],
        }
        order = [name for name in about["order"] if name in segments]
        if about["sum_markers"]:
            order = [name for name in order if name not in ("language", "level")]
        extra, separator = self.markers(language, level), [[start["separator"]]]
        positions = [one for name in order for one in (*segments[name], *(separator if name != "response" else ()))]
        return [[*one, *extra] for one in positions]


class Place(NamedTuple):
    """Where a pointer is.

    Attributes:
        unit: a phoneme with its marks, by its number; 0 is the silence before the text.
        lasted: frames of it before this one.
    """

    unit: int
    lasted: int


class SpokenText(NamedTuple):
    """What `step_text.onnx` and `levels_text.onnx` give.

    Attributes:
        units: [1, U, D] what each unit adds.
        dwell: [n, D] the same by the frames it has lasted; the last row is for more.
        limits: [1, U] most frames of each unit.
        begin: [1] unit that is said first.
        last: [1] unit that is said last.
    """

    units: np.ndarray
    dwell: np.ndarray
    limits: np.ndarray
    begin: np.ndarray
    last: np.ndarray

    def guide(self, positions: int, places: Sequence[Place]) -> np.ndarray:
        """[1, positions, D] for the last positions, which answer frames at these places; zeros at others."""
        found = np.zeros((1, positions, self.units.shape[2]), dtype=np.float32)
        units = np.minimum([place.unit for place in places], self.units.shape[1] - 1)
        lasted = np.minimum([place.lasted for place in places], len(self.dwell) - 1)
        found[0, positions - len(places) :] = self.units[0, units] + self.dwell[lasted]
        return found


class Walk:
    """Says a text with durations that are not drawn: a unit is left when it is as likely over as not.

    Attributes:
        place: of the frame that is answered next.
    """

    def __init__(self, text: SpokenText) -> None:
        self.text, self.place, self._left = text, Place(int(text.begin[0]), 0), 1.0

    @property
    def over(self) -> bool:
        """Whether all of the text is said."""
        return self.place.unit > self.text.last[0]

    def answered(self, advance: float) -> None:
        """A frame was answered, with these log odds of being the last of its unit."""
        self._left *= 1 - 1 / (1 + math.exp(-max(advance, -700.0)))
        unit, lasted = self.place
        if self._left <= 0.5 or lasted + 1 >= self.text.limits[0, unit]:
            self.place, self._left = Place(unit + 1, 0), 1.0
        else:
            self.place = Place(unit, lasted + 1)


def filled(rows: list[list[int]], zero: int) -> np.ndarray:
    """[1, T, K] table rows, filled up with the row that is zero."""
    most = max(map(len, rows))
    return np.array([[[*row, *[zero] * (most - len(row))] for row in rows]], dtype=np.int64)


def write_wav(path: str | Path, sound: np.ndarray, sample_rate: int) -> None:
    """16 bit, one channel."""
    with Path(path).open("wb") as out, wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())


def read_prompt(path: str | Path) -> np.ndarray:
    """The array of a .npy file. Raises `ValueError` for any other; what is pickled is never read."""
    with Path(path).open("rb") as file:
        try:
            return np.lib.format.read_array(file, allow_pickle=False)
        except ValueError as error:
            raise ValueError(f"{path} is not a .npy file of numbers ({error})") from None


def main() -> None:
    """Command line of `speak.py`."""
    parser = argparse.ArgumentParser(description="Speak phonemes with the ONNX graphs in the folder of this file.")
    parser.add_argument("phonemes", help="symbols separated by spaces, | between words")
    parser.add_argument("--out", default="speech.wav", help="wav file to write")
    parser.add_argument("--prompt", help=".npy file with the codes [frames, levels] of a recording")
    parser.add_argument("--language", default="", help="language tag; left out: the first of the model")
    parser.add_argument("--seed", type=int, help="draw codes with this random seed; left out: take the most probable")
    try:
        said(parser.parse_args())
    except OSError as error:
        parser.exit(2, f"error: {error.filename}: {error.strerror}\n")
    except ValueError as error:
        parser.exit(2, f"error: {error}\n")


def said(given: argparse.Namespace) -> None:
    """Say what the command line asks for."""
    symbols = [" " if one == "|" else one for one in given.phonemes.split()]
    choose = greedy if given.seed is None else sampled(given.seed, temperature=0.8, top_p=0.9)
    prompt = None if given.prompt is None else read_prompt(given.prompt)
    speaker = OnnxSpeaker(Path(__file__).parent)
    if unread := speaker.unread(symbols):
        hint = "write phonemes separated by spaces; speech.json lists them"
        if len(unread) == len(set(symbols)):
            raise ValueError(f"none of the phonemes is the model's: {' '.join(unread)}; {hint}")
        print(f"warning: the model does not know {' '.join(unread)}; {hint}", file=sys.stderr)  # noqa: T201
    sound = speaker.speak(symbols, prompt, language=given.language, choose=choose)
    write_wav(given.out, sound, speaker.sample_rate)
    print(f"{given.out}: {len(sound) / speaker.sample_rate:.2f} s")  # noqa: T201


if __name__ == "__main__":
    main()
