"""Programs that speak to OpenAI, against a server on a port: what they send is taken, what they get is speech."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import time
from base64 import b64decode

import httpx2
import pytest

TEXT = "one two three. four five."
SECONDS = 0.25


@pytest.fixture
def openai(live):
    package = pytest.importorskip("openai", reason="pip install 'valle-serve[test]'")
    return package.OpenAI(base_url=f"{live.url}/v1", api_key="none", max_retries=0)


def test_the_package_openai_reads_all_at_once(openai):
    answer = openai.audio.speech.create(model="tts-1", voice="alloy", input=TEXT, response_format="pcm")
    assert len(answer.read()) == SECONDS * 48_000


def test_the_package_openai_streams_to_a_file(openai, tmp_path):
    asking = openai.audio.speech.with_streaming_response.create(model="gpt-4o-mini-tts", voice="ben", input=TEXT)
    with asking as answer:
        answer.stream_to_file(tmp_path / "speech.mp3")
    assert (tmp_path / "speech.mp3").read_bytes()[:1] == b"\xff"


def test_the_package_openai_lists_models_and_shows_why_it_was_refused(openai):
    import openai as package

    assert "tts-1" in [model.id for model in openai.models.list()]
    with pytest.raises(package.NotFoundError, match=r"there is no voice 'nobody'\. Choose one of: ada, ben"):
        openai.audio.speech.create(model="tts-1", voice="nobody", input=TEXT)
    with pytest.raises(package.BadRequestError, match="input must have words"):
        openai.audio.speech.create(model="tts-1", voice="ada", input=" ")


def test_livekits_adapter_reads_raw_bytes(openai):
    """Its way with tts-1: a streaming response, read in parts as they come."""
    with openai.audio.speech.with_streaming_response.create(
        model="tts-1", voice="ash", input=TEXT, response_format="pcm", speed=1.0
    ) as answer:
        assert sum(map(len, answer.iter_bytes())) == SECONDS * 48_000


def test_livekits_adapter_reads_events(openai):
    """Its way with newer models: `stream_format` sse, lines `data: {…}`, deltas in base64 until done."""
    got, done = b"", False
    with openai.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="ash", input=TEXT, response_format="pcm", instructions="calm",
        extra_body={"stream_format": "sse"},
    ) as answer:  # fmt: skip
        for line in answer.iter_lines():
            if line.startswith("data: "):
                event = json.loads(line.removeprefix("data: "))
                got += b64decode(event["audio"]) if event["type"] == "speech.audio.delta" else b""
                done = event["type"] == "speech.audio.done"
    assert (len(got), done) == (SECONDS * 48_000, True)


def test_a_reader_like_pipecats_gets_whole_samples_of_24_khz(live):
    """It asks for pcm and cuts what comes into frames of a size of its own."""

    async def read() -> list[bytes]:
        body = {"input": TEXT, "model": "gpt-4o-mini-tts", "voice": "alloy", "response_format": "pcm"}
        async with (
            httpx2.AsyncClient(base_url=live.url, trust_env=False) as client,
            client.stream("POST", "/v1/audio/speech", json=body) as answer,
        ):
            assert answer.status_code == 200
            return [part async for part in answer.aiter_bytes(1024)]

    parts = asyncio.run(read())
    assert [len(part) for part in parts[:-1]] == [1024] * (len(parts) - 1)
    assert sum(map(len, parts)) == SECONDS * 48_000


def test_open_webuis_calls_are_answered(live):
    with httpx2.Client(base_url=f"{live.url}/v1", headers={"Authorization": "Bearer none"}, trust_env=False) as client:
        assert [one["id"] for one in client.get("/audio/models").json()["models"]][:2] == ["valle", "tts-1"]
        assert {one["id"]: one["name"] for one in client.get("/audio/voices").json()["voices"]} == {
            "ada": "ada",
            "ben": "ben",
        }
        answer = client.post("/audio/speech", json={"model": "tts-1", "input": "one two", "voice": "alloy"})
        assert answer.headers["content-type"] == "audio/mpeg"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_writes_a_file(live, tmp_path):
    done = subprocess.run(
        ["curl", "-sf", f"{live.url}/v1/audio/speech", "-H", "Content-Type: application/json", "-d",
         json.dumps({"model": "tts-1", "input": TEXT, "voice": "ben"}), "--output", str(tmp_path / "speech.mp3")],
        check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert (tmp_path / "speech.mp3").stat().st_size > 1000


def connected(live) -> socket.socket:
    host, _, port = live.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=5)


def request_of(body: bytes, length: int | None = None) -> bytes:
    head = (
        f"POST /v1/audio/speech HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body) if length is None else length}\r\n\r\n"
    )
    return head.encode() + body


def until(holds) -> None:
    for _ in range(500):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to it")


def test_first_bytes_come_while_the_rest_is_not_spoken_and_a_client_that_leaves_is_noticed(live):
    live.tones.go_on.clear()
    with connected(live) as client:
        client.sendall(request_of(json.dumps({"input": TEXT, "response_format": "pcm"}).encode()))
        got = b""
        while len(got) < 1000:
            got += client.recv(4096)
        assert got.startswith(b"HTTP/1.1 200")
        assert not live.tones.listeners[0].gone
    until(lambda: live.tones.listeners[0].gone)
    live.tones.go_on.set()


def test_a_client_that_leaves_before_it_got_anything_is_noticed(live):
    live.tones.first.clear()
    with connected(live) as client:
        client.sendall(request_of(json.dumps({"input": TEXT}).encode()))
        until(lambda: live.tones.listeners)
    until(lambda: live.tones.listeners[0].gone)
    live.tones.first.set()


def test_half_a_request_disturbs_nobody(live):
    with connected(live) as half, connected(live) as broken:
        half.sendall(request_of(b'{"input": "he', length=100))
        broken.sendall(b"POST /v1/audio/speech HTTP/1.1\r\n\r\n\x00\xff")
        assert httpx2.post(f"{live.url}/v1/audio/speech", json={"input": "one"}, trust_env=False).status_code == 200
    assert len(live.tones.asked) == 1


def test_a_voice_that_is_removed_while_it_speaks_is_spoken_to_its_end(live):
    live.tones.kept["me"] = live.tones.kept["ada"]._replace(saved=True)
    live.tones.go_on.clear()
    body = {"input": TEXT, "voice": "me", "response_format": "pcm"}
    with httpx2.stream("POST", f"{live.url}/v1/audio/speech", json=body, trust_env=False) as answer:
        assert httpx2.delete(f"{live.url}/v1/audio/voices/me", trust_env=False).status_code == 200
        live.tones.go_on.set()
        assert len(answer.read()) == SECONDS * 48_000


def test_a_hundred_clients_at_once_get_speech_or_are_told_to_come_again(live):
    async def all_of_them() -> list[int]:
        limits = httpx2.Limits(max_connections=100)
        async with httpx2.AsyncClient(base_url=live.url, limits=limits, timeout=60, trust_env=False) as client:

            async def ask(number: int) -> int:
                live.tones.busy = number % 10 == 9
                answer = await client.post("/v1/audio/speech", json={"input": TEXT, "response_format": "pcm"})
                assert answer.status_code == 503 or len(answer.content) == SECONDS * 48_000
                return answer.status_code

            return await asyncio.gather(*map(ask, range(100)))

    codes = asyncio.run(all_of_them())
    assert len(codes) == 100
    assert set(codes) <= {200, 503}
    live.tones.busy = False
    assert httpx2.get(f"{live.url}/healthz", trust_env=False).json()["status"] == "ok"
