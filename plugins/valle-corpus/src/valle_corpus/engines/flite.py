"""flite: four voices made from recordings of people (CMU), with the end of every phone."""

from __future__ import annotations

import re
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np

from valle_core.plugin import UserError
from valle_corpus.engines.engine import Speaker, Spoken, spans_of

VOICES = ("slt", "rms", "awb", "kal16")
HELD_OUT = ("kal16",)
_PHONE = re.compile(r"([a-z@]+):(\d+\.\d+)")


class Flite:
    """An `Engine` that runs the program `flite`; equal arguments give equal samples."""

    sample_rate = 16000
    languages = ("en",)

    def speakers(self, count: int, *, languages: Sequence[str], seed: int, held_out: bool) -> Sequence[Speaker]:
        """See `Engine`."""
        side = [name for name in VOICES if (name in HELD_OUT) == held_out]
        if count > len(side):
            raise UserError(f"engine 'flite' has {len(side)} such voices ({', '.join(side)}), asked for {count}")
        return [self.speaker(name) for name in side[:count]]

    def speaker(self, name: str) -> Speaker:
        """One of `VOICES`."""
        if name not in VOICES:
            raise UserError(f"engine 'flite' has no voice '{name}'. Choose from: {', '.join(VOICES)}")
        return Speaker(name=name, language="en-gb-scotland" if name == "awb" else "en-us", settings={"voice": name})

    def speak(self, text: str, speaker: Speaker, *, seed: int) -> Spoken:
        """See `Engine`; the pace is drawn from the seed."""
        pace = Random(seed).uniform(0.9, 1.12)
        with tempfile.TemporaryDirectory(prefix="valle-flite-") as folder:
            written, source = Path(folder) / "said.wav", Path(folder) / "text"
            source.write_text(text + "\n", encoding="utf-8")
            voice = ["-voice", speaker.settings["voice"], "--setf", f"duration_stretch={1 / pace:.4f}"]
            command = ["flite", *voice, "-psdur", "-f", str(source), "-o", str(written)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
            if done.returncode or not written.exists():
                raise UserError(f"flite makes no sound of {text!r}: {done.stderr.strip()[:200] or 'no sound'}")
            with wave.open(str(written)) as file:
                rate, audio = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")
        if rate != self.sample_rate:
            raise UserError(f"flite's voice '{speaker.name}' speaks at {rate} Hz, not {self.sample_rate}")
        found = _PHONE.findall(done.stdout)
        labels = ["" if name == "pau" else name for name, _ in found]
        seconds = len(audio) / rate
        ends = [min(float(end), seconds) for _, end in found]
        return Spoken(audio=audio, phonemes=spans_of(labels, ends) if ends == sorted(ends) else ())
