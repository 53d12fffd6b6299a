"""`/v1/audio/voices`, models and the page: what is listed, added with consent, removed, refused."""

from __future__ import annotations

import numpy as np
import pytest
from valle_serve.encoding import encoder
from valle_serve.interface import VoiceFacts

from valle_core.api import read_audio

WAV = b"RIFF" + bytes(40)


def add(client, name="me", sample=("a.wav", WAV), consent="true", **more):
    data = {"name": name, "consent": consent, **more}
    return client.post("/v1/audio/voices", data=data, files={"audio_sample": sample})


def test_voices_are_listed_where_clients_look(client):
    found = client.get("/v1/audio/voices").json()
    assert found["data"] == found["voices"]
    assert [(voice["id"], voice["name"], voice["saved"]) for voice in found["data"]] == [
        ("ada", "ada", False),
        ("ben", "ben", False),
    ]


def test_a_recording_becomes_a_voice_and_goes_again(client, tones):
    answer = add(client, description="low", text="what it says")
    assert (answer.status_code, answer.json()["id"], answer.json()["description"]) == (201, "me", "low")
    assert client.post("/v1/audio/speech", json={"input": "a", "voice": "me"}).status_code == 200
    assert client.delete("/v1/audio/voices/me").json() == {"id": "me", "object": "audio.voice.deleted", "deleted": True}
    assert client.delete("/v1/audio/voices/me").status_code == 404
    assert client.post("/v1/audio/speech", json={"input": "a", "voice": "me"}).status_code == 404
    assert tones.recordings == [WAV]


@pytest.mark.parametrize(
    ("given", "status", "message"),
    [
        ({"consent": ""}, 403, "the speaker must have agreed; send consent=true"),
        ({"consent": "false"}, 403, "the speaker must have agreed"),
        ({"sample": ("a.wav", b"ID3 an mp3")}, 400, "audio 'audio_sample' is not readable as audio"),
        ({"sample": ("a.wav", b"")}, 400, "audio_sample is empty"),
        ({"sample": ("../../x", WAV), "name": "ada"}, 400, "there is a voice 'ada' already"),
        ({"name": "a" * 65}, 400, "name must have at most 64 characters, got 65"),
    ],
)
def test_what_is_no_voice_is_refused_without_a_path_in_the_message(client, given, status, message):
    answer = add(client, **given)
    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]
    assert "/" not in answer.json()["error"]["message"]


def test_an_mp3_named_wav_is_read_as_what_it_is(client, tones):
    """The name of an upload is not looked at, its bytes are."""
    made = encoder("mp3", 16_000)
    tone = 0.3 * np.sin(np.arange(16_000) / 5).astype(np.float32)
    sound = made.push(tone) + made.finish()

    def keep(name, recording, **about):
        return VoiceFacts(seconds=len(read_audio(recording, 16_000)) / 16_000, saved=True)

    tones.keep = keep
    for name in ("a.wav", "a.mp3", "a", "../../etc/a.flac"):
        assert add(client, sample=(name, sound)).status_code == 201, name
    refused = add(client, sample=("a.wav", sound[:20]))
    assert refused.status_code == 400
    assert "audio 'audio_sample' " in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"", "multipart/form-data; boundary=x"), (b"--x\r\nhalf", "multipart/form-data; boundary=x"),
     (b"{}", "application/json"), (b"name=me", "application/x-www-form-urlencoded"), (b"--x", "multipart/form-data")],
)  # fmt: skip
def test_half_a_form_is_refused(client, content, kind):
    answer = client.post("/v1/audio/voices", content=content, headers={"content-type": kind})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_voices_of_the_model_stay(client):
    answer = client.delete("/v1/audio/voices/ada")
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        400,
        "the voice 'ada' belongs to the model and stays",
    )


def test_a_server_may_take_no_voices(guarded):
    client = guarded(uploads=False)
    assert add(client).status_code == 403
    assert client.delete("/v1/audio/voices/ada").status_code == 403


def test_models_are_those_that_clients_name(client):
    names = [model["id"] for model in client.get("/v1/models").json()["data"]]
    assert {"valle", "tts-1", "tts-1-hd"} <= set(names)
    assert client.get("/v1/models/tts-1").json()["object"] == "model"
    assert client.get("/v1/models/gpt-5").status_code == 404
    assert {"id": "tts-1", "name": "tts-1"} in client.get("/v1/audio/models").json()["models"]
    assert client.get("/healthz").json() == {"status": "ok", "speaking": 0, "waiting": 0}


def test_the_page_may_load_nothing_from_elsewhere(client):
    answer = client.get("/")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    for path in ("/", "/page.js", "/page.css", "/audio.js"):
        text = client.get(path).text
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text
