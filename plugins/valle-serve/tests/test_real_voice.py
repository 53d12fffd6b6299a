"""The voice in the box behind a server: its speech is that of the Python API, its words are timed, a voice is kept."""

from __future__ import annotations

import asyncio
import threading
import time
from itertools import pairwise

import httpx2
import numpy as np
import pytest
import uvicorn
from valle_serve.app import make_app
from valle_serve.command import bound, service_of
from valle_serve.options import ServeOptions

import valle

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::valle.SpeechWarning")]
TEXT = "The boat sails tonight. Dr. Smith came at 10:30."


@pytest.fixture(scope="module")
def speaker(tmp_path_factory):
    return valle.load(device="cpu", voices=tmp_path_factory.mktemp("voices"))


@pytest.fixture(scope="module")
def url(speaker):
    listening = bound("127.0.0.1", 0)
    service = service_of(speaker, ServeOptions())
    server = uvicorn.Server(uvicorn.Config(make_app(service), log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    listening.listen()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)
    service.close()


def asked(url: str, **body) -> httpx2.Response:
    return httpx2.post(f"{url}/v1/audio/speech", json={"input": TEXT, **body}, timeout=300, trust_env=False)


def test_its_speech_is_that_of_the_python_api_alone_and_beside_others(url, speaker):
    wanted = np.concatenate([chunk.samples for chunk in speaker.stream(TEXT, voice="ben")])

    async def together() -> list[bytes]:
        async with httpx2.AsyncClient(base_url=url, timeout=300, trust_env=False) as client:
            bodies = [{"input": TEXT, "voice": voice, "response_format": "pcm"} for voice in ("ben", "ada", "ben")]
            answers = await asyncio.gather(*(client.post("/v1/audio/speech", json=body) for body in bodies))
            return [answer.content for answer in answers]

    first, _, third = (np.frombuffer(one, "<i2").astype(int) for one in asyncio.run(together()))
    alone = np.frombuffer(asked(url, voice="ben", response_format="pcm").content, "<i2").astype(int)
    assert np.array_equal(first, alone)
    assert np.array_equal(third, alone)
    assert len(alone) / 24_000 == pytest.approx(len(wanted) / speaker.sample_rate, abs=0.01)
    assert np.abs(alone / 32_767).max() == pytest.approx(np.abs(wanted).max(), rel=0.15)


def test_there_is_no_click_where_windows_and_sentences_join(speaker):
    """A step from one sample to the next is at a join no larger than those within 20 ms of it."""
    for voice, speed in (("ada", 1.0), ("ben", 1.4)):
        chunks = list(speaker.stream(TEXT, voice=voice, speed=speed, pause=0.25))
        sound = np.concatenate([chunk.samples for chunk in chunks])
        joins = [round(chunk.start * speaker.sample_rate) for chunk in chunks[1:]]
        begins = [
            round((chunk.start + 0.25) * speaker.sample_rate)
            for before, chunk in pairwise(chunks)
            if before.text != chunk.text
        ]
        assert len(begins) == 1 < len(joins)
        steps = np.abs(np.diff(sound))
        for join in (*joins, *begins):
            inside = np.concatenate([steps[join - 320 : join - 3], steps[join + 2 : join + 320]])
            assert steps[join - 1] <= max(inside.max(), 2e-3), join


def test_a_client_that_leaves_within_a_sentence_is_spoken_no_further(url):
    body = {"input": " ".join([TEXT] * 20), "response_format": "pcm"}
    with httpx2.stream("POST", f"{url}/v1/audio/speech", json=body, timeout=300, trust_env=False) as answer:
        coming = answer.iter_bytes()
        assert next(coming)
        assert httpx2.get(f"{url}/healthz", trust_env=False).json()["speaking"] == 1
    for _ in range(1000):
        if httpx2.get(f"{url}/healthz", trust_env=False).json()["speaking"] == 0:
            break
        time.sleep(0.01)
    else:
        raise AssertionError("it is still being spoken")
    text = httpx2.get(f"{url}/metrics", trust_env=False).text
    assert 'valle_requests_total{outcome="left"} 1.0' in text


def test_words_are_those_of_the_text(url):
    answer = asked(url, stream_format="sse", timestamp_granularities=["word"], response_format="opus")
    text = answer.text
    words = [part.partition('"')[0] for part in text.split('"word": "')[1:]]
    assert words == TEXT.split()
    assert '"speech.audio.done"' in text


def test_a_faster_rate_is_shorter_and_an_unreadable_text_is_refused(url):
    usual, fast = (len(asked(url, speed=speed, response_format="pcm").content) for speed in (1, 1.5))
    assert fast < 0.85 * usual
    assert asked(url, input="漢字").status_code == 400
    assert asked(url, input="🙂").status_code == 400


def test_a_recording_becomes_a_voice_that_speaks(url, speaker, tmp_path):
    path = speaker.speak(TEXT, voice="clara").save(tmp_path / "me.wav")
    with path.open("rb") as file:
        answer = httpx2.post(
            f"{url}/v1/audio/voices", data={"name": "me", "consent": "true"}, files={"audio_sample": file},
            timeout=300, trust_env=False,
        )  # fmt: skip
    assert answer.status_code == 201, answer.text
    whole = asked(url, voice="me", response_format="pcm").content
    body = {"input": TEXT, "voice": "me", "response_format": "pcm"}
    with httpx2.stream("POST", f"{url}/v1/audio/speech", json=body, timeout=300, trust_env=False) as answer:
        got = answer.iter_bytes()
        first = next(got)
        assert httpx2.delete(f"{url}/v1/audio/voices/me", trust_env=False).status_code == 200
        assert first + b"".join(got) == whole
    assert asked(url, voice="me").status_code == 404
