"""A model that reads groups of frames: `synth --stream`, and `valle serve` beside other listeners; what it refuses."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient
from valle_serve.app import make_app
from valle_serve.command import service_of
from valle_serve.options import ServeOptions

import valle
from valle.speaker import Speaker
from valle_cli.main import run as run_valle
from valle_kit.streaming import Windowing

pytestmark = pytest.mark.filterwarnings("ignore::valle.SpeechWarning")
TEXT, SECONDS = "the boat sails tonight", "1.4"


@pytest.fixture(scope="module")
def grouped(spine, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("grouped") / "run"
    assert run_valle(spine.training(out, "--draft", "grouped", "--draft.size", "3")) == 0
    return out


@pytest.fixture(scope="module")
def speaker(grouped) -> Speaker:
    return valle.load(grouped, device="cpu")


def whole(speaker: Speaker, seed: int) -> valle.Speech:
    return speaker.speak(TEXT, seed=seed, max_seconds=float(SECONDS))


def test_the_command_streams_what_it_says_at_once(grouped, speaker, tmp_path, capfdbinary):
    """In one window: later ones see less of the answer, so their levels above may be others."""
    common = ("--model", str(grouped), "--max-duration", "0.5", "--seed", "4")
    assert run_valle(["synth", TEXT, *common, "--out", str(tmp_path / "o.wav")]) == 0
    capfdbinary.readouterr()
    assert run_valle(["synth", TEXT, *common, "--stream"]) == 0
    streamed, written = capfdbinary.readouterr().out[44:], (tmp_path / "o.wav").read_bytes()
    assert len(streamed) > 1000
    assert abs(_samples(streamed) - _samples(written)[-len(streamed) // 2 :]).max() <= 3  # scaled by 32767 or 32768


def test_windows_leave_before_the_groups_are_done_and_join_to_the_whole_length(speaker):
    windowing = Windowing(first=0.2, step=0.4, ahead=0.05)
    chunks = list(speaker.stream(TEXT, seed=4, max_seconds=float(SECONDS), windowing=windowing))
    assert len(chunks) > 2 or not any(len(chunk.samples) for chunk in chunks[:-1])
    assert sum(len(chunk.samples) for chunk in chunks) == len(whole(speaker, 4).samples)


def test_a_server_says_groups_to_several_listeners_as_to_one(speaker):
    service = service_of(speaker, ServeOptions(max_duration=float(SECONDS)))
    barrier = threading.Barrier(3)
    with TestClient(make_app(service)) as client:

        def asked(seed: int, *, wait: bool = True) -> bytes:
            if wait:
                barrier.wait(20)
            answer = client.post("/v1/audio/speech", json={"input": TEXT, "seed": seed, "response_format": "pcm"})
            assert answer.status_code == 200, answer.text
            return answer.content

        alone = [asked(seed, wait=False) for seed in (4, 5, 6)]
        with ThreadPoolExecutor(3) as pool:
            assert list(pool.map(asked, (4, 5, 6))) == alone
    service.close()
    seconds = [len(one) / 2 / 24_000 for one in alone]
    assert seconds == pytest.approx(
        [len(whole(speaker, seed).samples) / speaker.sample_rate for seed in (4, 5, 6)], abs=0.02
    )


REFUSED = {
    ("--drafts", "2"): "--draft grouped drafts nothing: all frames are decoded in groups; leave --drafts out",
    ("--max-context", "20"): (
        "--max-context reads an answer frame by frame, which --draft grouped cannot; leave it out"
    ),
}


@pytest.mark.parametrize(("option", "message"), REFUSED.items())
@pytest.mark.parametrize("command", [("synth", TEXT, "--stream"), ("serve", "--port", "0")])
def test_what_groups_cannot_do_is_refused_by_name_before_anything_is_said(grouped, valle, command, option, message):
    code, out, err = valle(*command, "--model", grouped, *option)
    assert (code, out) == (2, "")
    assert err.strip().splitlines()[-1] == f"error: {message}"


def _samples(wav: bytes) -> np.ndarray:
    return np.frombuffer(wav[len(wav) % 2 :], "<i2").astype(int)
