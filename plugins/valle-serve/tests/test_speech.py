"""`/v1/audio/speech`: every format and way of streaming, and each refusal by its message."""

from __future__ import annotations

import io
import json
import wave
from base64 import b64decode

import av
import numpy as np
import pytest
from valle_serve.encoding import MEDIA

TEXT = "one two three. four five."


def seconds_of(content: bytes, form: str) -> float:
    if form == "pcm":
        return len(content) / 48_000
    with av.open(io.BytesIO(content)) as file:
        (stream,) = file.streams.audio
        frames = list(file.decode(stream))
    return sum(frame.samples for frame in frames) / frames[0].sample_rate


@pytest.mark.parametrize("form", MEDIA)
def test_every_format_is_playable_and_as_long_as_the_speech(client, form):
    answer = client.post("/v1/audio/speech", json={"input": TEXT, "response_format": form})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == MEDIA[form]
    assert seconds_of(answer.content, form) == pytest.approx(0.25, abs=0.1)


def test_mp3_is_usual_and_the_first_voice_speaks(client, tones):
    answer = client.post("/v1/audio/speech", json={"input": TEXT})
    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.content[:1] == b"\xff"
    assert (tones.asked[0].voice, tones.asked[0].speed, tones.asked[0].seed) == ("ada", 1.0, 0)


def test_pcm_is_the_speech_at_24_khz(client):
    answer = client.post("/v1/audio/speech", json={"input": "one two", "response_format": "pcm"})
    samples = np.frombuffer(answer.content, "<i2") / 32_767
    wanted = 0.3 * np.sin(2 * np.pi * 440 * np.arange(len(samples)) / 24_000)
    assert len(samples) == 2400
    assert np.abs(samples - wanted)[200:-200].max() < 0.01


def test_a_wav_of_one_piece_knows_its_length_and_of_several_is_open(client):
    one = client.post("/v1/audio/speech", json={"input": "one two", "response_format": "wav"}).content
    with wave.open(io.BytesIO(one)) as file:
        assert (file.getnframes(), file.getframerate(), file.getnchannels(), file.getsampwidth()) == (
            2400,
            24_000,
            1,
            2,
        )
    several = client.post("/v1/audio/speech", json={"input": TEXT, "response_format": "wav"}).content
    assert several[40:44] == b"\xff" * 4
    assert len(several) == 44 + 2 * 6000


def events(content: bytes) -> list[dict]:
    lines = content.decode().split("\n\n")
    assert lines.pop() == ""
    assert all(line.startswith("data: ") for line in lines)
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def test_events_carry_the_same_audio_and_the_words_if_asked(client):
    body = {"input": TEXT, "response_format": "pcm"}
    whole = client.post("/v1/audio/speech", json=body).content
    answer = client.post("/v1/audio/speech", json={**body, "stream_format": "sse"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = events(answer.content)
    assert {event["type"] for event in found} == {"speech.audio.delta", "speech.audio.done"}
    assert b"".join(b64decode(event["audio"]) for event in found[:-1]) == whole
    assert found[-1]["usage"] == {"input_tokens": len(TEXT), "output_tokens": 5, "total_tokens": len(TEXT) + 5}
    timed = {**body, "stream_format": "sse", "timestamp_granularities": ["word"]}
    found = events(client.post("/v1/audio/speech", json=timed).content)
    words = [word for event in found if event["type"] == "speech.audio.words" for word in event["words"]]
    assert [word["word"] for word in words] == ["one", "two", "three", "four", "five"]
    assert words[3] == {"word": "four", "start": 0.15, "end": 0.2}
    assert found[0]["type"] == "speech.audio.words"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({}, 400, "input is missing"),
        ({"input": ""}, 400, "input is empty"),
        ({"input": " \n"}, 400, "input must have words, got white space"),
        ({"input": "a" * 4097}, 400, "input must be at most 4096 characters, got 4097"),
        ({"input": "a\x00b"}, 400, "it has control characters"),
        ({"input": 3}, 400, "input: expected a text, got 3"),
        ({"input": "a", "model": "gpt"}, 404, "there is no model 'gpt'; choose one of valle, tts-1"),
        ({"input": "a", "voice": "eva"}, 404, "there is no voice 'eva'. Choose one of: ada, ben"),
        ({"input": "a", "voice": "../ada"}, 404, "there is no voice '../ada'"),
        ({"input": "a", "voice": {"id": "eva"}}, 404, "there is no voice 'eva'"),
        ({"input": "a", "speed": 5}, 400, "speed must be in [0.25, 4], got 5"),
        ({"input": "a", "speed": 0}, 400, "speed must be in [0.25, 4], got 0"),
        ({"input": "a", "speed": "fast"}, 400, "speed: expected a number, got 'fast'"),
        ({"input": "a", "model": "m" * 101}, 400, "model must have at most 100 characters, got 101"),
        ({"input": "a", "voice": 3}, 400, 'voice: expected a name or {"id": name}, got 3'),
        ([], 400, "the body is not a JSON object"),
        (
            {"input": "a", "response_format": "ogg"},
            400,
            "response_format: expected one of mp3, opus, aac, flac, wav, pcm",
        ),
        ({"input": "a", "stream_format": "x"}, 400, "stream_format: expected one of audio, sse, got 'x'"),
        ({"input": "a", "seed": -1}, 400, "seed must be in [0, 2147483647], got -1"),
        ({"input": "a", "seed": 1 << 31}, 400, "seed must be in [0, 2147483647], got 2147483648"),
        ({"input": "a", "seed": 1.5}, 400, "seed: expected an integer, got 1.5"),
        ({"input": "a", "timestamp_granularities": "word"}, 400, "timestamp_granularities: expected a list"),
        ({"input": "a", "timestamp_granularities": ["word"]}, 400, "ask for stream_format sse"),
        ({"input": "a 🙂"}, 400, "the voice has no word for '🙂'"),
        ({"input": "fail"}, 500, "the server failed; its log says more"),
    ],
)
def test_what_cannot_be_spoken_is_refused_in_the_form_of_openai(client, body, status, message):
    answer = client.post("/v1/audio/speech", json=body)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert message in error["message"]
    assert "\n" not in error["message"]
    assert "hould be" not in error["message"]


@pytest.mark.parametrize("voice", [3, {}, {"id": ""}, {"id": "a" * 65}, None])
def test_the_field_that_is_wrong_is_named_as_the_client_wrote_it(client, voice):
    error = client.post("/v1/audio/speech", json={"input": "a", "voice": voice}).json()["error"]
    assert error["param"] == "voice"


@pytest.mark.parametrize("content", [b'{"input": "he', b"", b"[]", b"\xff\xfe", b"null", b'{"input": "\\ud800"}'])
def test_half_a_json_is_refused(client, content):
    answer = client.post("/v1/audio/speech", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_an_error_after_the_first_bytes_is_an_event_that_tells_no_secret(client):
    answer = client.post("/v1/audio/speech", json={"input": "one. fail", "stream_format": "sse"})
    found = events(answer.content)
    assert found[-1]["type"] == "error"
    assert "secret" not in json.dumps(found)


def test_openais_names_of_voices_stand_for_those_there_are(client, tones):
    for name in ("alloy", "ash", "ballad", "ben", {"id": "ben"}):
        client.post("/v1/audio/speech", json={"input": "a", "voice": name})
    assert [asked.voice for asked in tones.asked] == ["ada", "ben", "ada", "ben", "ben"]


def test_a_server_that_is_busy_says_when_to_ask_again(client, tones):
    tones.busy = True
    answer = client.post("/v1/audio/speech", json={"input": "a"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_figures_count_what_was_said(client):
    client.post("/v1/audio/speech", json={"input": "one two"})
    client.post("/v1/audio/speech", json={"input": "🙂"})
    text = client.get("/metrics").text
    assert 'valle_requests_total{outcome="spoken"} 1.0' in text
    assert 'valle_requests_total{outcome="refused"} 1.0' in text
    assert "valle_first_audio_seconds_count 1.0" in text
