"""A service that says tones, in this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from starlette.testclient import TestClient
from valle_serve.app import Limits, make_app
from valle_serve.command import bound
from valle_serve.interface import Asked, Busy, Listener, Load, Piece, SpokenWord, UnknownVoice, VoiceFacts

from valle_core.plugin import UserError


class Tones:
    """A `Service`: each sentence is a tone of 0.05 s a word, at 16 kHz.

    Attributes:
        first: while it is not set, nothing is said.
        go_on: while it is not set, nothing is said beyond the first piece.
        asked: what was asked for.
        listeners: whom it went to.
    """

    sample_rate = 16_000
    languages: Sequence[str] = ("en",)

    def __init__(self) -> None:
        self.kept: dict[str, VoiceFacts] = {"ada": VoiceFacts("female"), "ben": VoiceFacts("male")}
        self.asked: list[Asked] = []
        self.listeners: list[Listener] = []
        self.recordings: list[bytes] = []
        self.busy = False
        self.first, self.go_on = threading.Event(), threading.Event()
        self.first.set()
        self.go_on.set()

    def voices(self) -> Mapping[str, VoiceFacts]:
        return dict(self.kept)

    def start(self, asked: Asked, listener: Listener) -> None:
        if self.busy:
            raise Busy("there is too much to do")
        if "🙂" in asked.text:
            raise UserError("the voice has no word for '🙂'")
        self.asked.append(asked)
        self.listeners.append(listener)
        threading.Thread(target=self._say, args=(asked, listener), daemon=True).start()

    def _say(self, asked: Asked, listener: Listener) -> None:
        self.first.wait(5)
        sentences = [part for part in asked.text.split(".") if part.strip()]
        for number, sentence in enumerate(sentences, 1):
            if number > 1 and not self.go_on.wait(5):
                break
            if "fail" in sentence:
                listener.end(RuntimeError("a secret of the server"))
                return
            words = sentence.split()
            count = round(len(words) * 800 / asked.speed)
            wav = 0.3 * np.sin(2 * np.pi * 440 * np.arange(count) / 16_000).astype(np.float32)
            times = [SpokenWord(word, 0.05 * place, 0.05 * (place + 1)) for place, word in enumerate(words)]
            listener.put(Piece(wav=wav, words=tuple(times), tokens=len(words), last=number == len(sentences)))
        listener.end()

    def keep(self, name: str, recording: Path, *, text: str, language: str, sounds: str) -> VoiceFacts:
        content = recording.read_bytes()
        self.recordings.append(content)
        if not content.startswith(b"RIFF"):
            raise UserError(f"audio '{recording}' is not readable as audio. Convert it to wav or flac")
        if name in self.kept:
            raise UserError(f"there is a voice '{name}' already; choose another name")
        self.kept[name] = VoiceFacts(sounds, 1.0, saved=True)
        return self.kept[name]

    def forget(self, name: str) -> None:
        if name not in self.kept:
            raise UnknownVoice(f"there is no voice '{name}'")
        if not self.kept[name].saved:
            raise UserError(f"the voice '{name}' belongs to the model and stays")
        del self.kept[name]

    def load(self) -> Load:
        return Load()

    def close(self) -> None:
        pass


@pytest.fixture
def tones() -> Iterator[Tones]:
    service = Tones()
    yield service
    service.go_on.set()


@pytest.fixture
def client(tones) -> TestClient:
    return TestClient(make_app(tones), raise_server_exceptions=False)


@pytest.fixture
def guarded(tones):
    """`guarded(keys=("secret-key",), …)` → a client of an app with these limits."""
    return lambda **limits: TestClient(make_app(tones, Limits(**limits)), raise_server_exceptions=False)


@dataclass(frozen=True, slots=True)
class Live:
    """A server on a port of this machine, in a thread of this process."""

    url: str
    tones: Tones


@pytest.fixture
def live(tones) -> Iterator[Live]:
    listening = bound("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    config = uvicorn.Config(make_app(tones), log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    yield Live(url, tones)
    tones.go_on.set()
    server.should_exit = True
    thread.join(10)
