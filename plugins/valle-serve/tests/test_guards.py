"""What every request passes: key, host, origin, size; and no path of a client reaches the file system."""

from __future__ import annotations

import asyncio

import pytest
from valle_serve.app import Limits, make_app
from valle_serve.guards import Guards, TooSlow
from valle_serve.options import ServeOptions

from valle_core.plugin import UserError

SAY = {"input": "one two"}
KEY = "a-secret-key"


@pytest.mark.parametrize(
    ("header", "status"),
    [(None, 401), ("Bearer wrong", 401), (KEY, 401), (f"Basic {KEY}", 401), ("Bearer ", 401), ("Bearer \xe9", 401),
     (f"Bearer {KEY}", 200), (f"bearer {KEY} ", 200)],
)  # fmt: skip
def test_a_key_is_asked_for_where_there_is_one(guarded, header, status):
    client = guarded(keys=(KEY, "another-key"))
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    answer = client.post("/v1/audio/speech", json=SAY, headers=headers)
    assert answer.status_code == status
    if status == 401:
        assert answer.json()["error"]["code"] == "invalid_api_key"
        assert answer.headers["www-authenticate"] == "Bearer"


def test_without_the_key_only_the_page_and_health_are_open(guarded):
    client = guarded(keys=(KEY,))
    for path in ("/", "/page.js", "/page.css", "/healthz"):
        assert client.get(path).status_code == 200, path
    for path in ("/metrics", "/v1/models", "/v1/audio/voices", "/openapi.json", "/v1/audio/models"):
        assert client.get(path).status_code == 401, path


def test_ten_megabytes_of_text_are_refused_unread(guarded, tones):
    client = guarded(most_bytes=1 << 20)
    answer = client.post("/v1/audio/speech", json={"input": "a " * (5 << 20)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")

    def unending():
        for _ in range(64):
            yield b" " * (1 << 16)

    answer = client.post("/v1/audio/speech", content=unending(), headers={"content-type": "application/json"})
    assert answer.status_code == 413
    answer = guarded().post("/v1/audio/speech", json={"input": "a " * (5 << 20)})  # a body of that size may be sent
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == f"input must be at most 4096 characters, got {10 << 20}"
    assert tones.asked == []


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://testserver", 200), ("https://evil.example", 403), ("null", 403), ("https://mine.example", 200)],
)
def test_a_page_of_another_origin_may_not_speak(guarded, origin, status):
    client = guarded(origins=("https://mine.example",))
    assert client.post("/v1/audio/speech", json=SAY, headers={"Origin": origin}).status_code == status


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:80", 200), ("127.0.0.1", 200), ("[::1]:8880", 200), ("evil.example", 403), ("", 403)],
)
def test_a_name_elsewhere_does_not_lead_to_a_server_of_this_machine(guarded, host, status):
    client = guarded(hosts=ServeOptions().hosts())
    assert client.get("/v1/models", headers={"Host": host}).status_code == status


def test_a_client_that_takes_nothing_is_left():
    left = []

    async def app(scope, receive, send):
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        except TooSlow:
            left.append(True)
            raise

    async def never(*_):
        await asyncio.sleep(60)

    scope = {"type": "http", "headers": [], "path": "/", "method": "GET"}
    asyncio.run(Guards(app, seconds=0.01)(scope, never, never))
    assert left


def test_half_a_body_that_does_not_go_on_is_left():
    left = []

    async def app(scope, receive, send):
        try:
            await receive()
        except TooSlow:
            left.append(True)
            raise

    async def never():
        await asyncio.sleep(60)

    async def sent(message):
        pass

    scope = {"type": "http", "headers": [], "path": "/", "method": "POST"}
    asyncio.run(Guards(app, seconds=0.01)(scope, never, sent))
    assert left


@pytest.mark.parametrize(
    "path",
    ["/../page.py", "/page.py", "/page/page.html", "/%2e%2e/%2e%2e/etc/passwd", "/v1/audio/voices/..%2f..%2fada",
     "/page.js/../../app.py", "//etc/passwd", "/static/app.py", "/docs", "/redoc"],
)  # fmt: skip
def test_no_path_of_a_request_is_a_path_of_a_file(client, path):
    answer = client.get(path)
    assert answer.status_code in (404, 405)
    assert "error" in answer.json()


def test_others_are_let_in_only_with_a_key_or_on_purpose(tmp_path):
    with pytest.raises(UserError, match=r"^at 0\.0\.0\.0 others .* give --api-key-file FILE, or --without-key"):
        ServeOptions(host="0.0.0.0")
    assert ServeOptions(host="0.0.0.0", without_key=True).hosts() == ()
    assert ServeOptions(host="10.0.0.2", without_key=True, allow_host=("tts.example",)).hosts()[-2:] == (
        "tts.example",
        "10.0.0.2",
    )
    keys = tmp_path / "keys"
    keys.write_text("# of the team\nlong-enough\n\nanother-one\n")
    assert ServeOptions(host="0.0.0.0", api_key_file=keys).keys() == ("long-enough", "another-one")
    for text, why in (("", "holds no key"), ("short", r"must be at least 8 characters long, got 5")):
        keys.write_text(text)
        with pytest.raises(UserError, match=why):
            ServeOptions(api_key_file=keys).keys()
    with pytest.raises(UserError, match="cannot be read"):
        ServeOptions(api_key_file=tmp_path / "none").keys()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"port": 70_000}, r"port must be in [0, 65535], got 70000"),
        ({"speaking": 0}, "speaking must be in [1, 1000], got 0"),
        ({"waiting": -1}, "waiting must be in [0, 10000], got -1"),
        ({"max_input": 0}, "max_input must be in [1, 1000000], got 0"),
        ({"max_body": 0}, "max_body must be in [1, 1000], got 0"),
        ({"timeout": 0}, "timeout must be in (0, 3600] seconds, got 0"),
        ({"timeout": float("nan")}, "timeout must be in (0, 3600] seconds, got nan"),
        ({"host": ""}, "host must be an address or a name, got ''"),
    ],
)
def test_options_out_of_range_are_refused(given, message):
    with pytest.raises(UserError) as refused:
        ServeOptions(**given)
    assert str(refused.value) == message


def test_its_own_description_names_every_answer(tones):
    described = make_app(tones, Limits()).openapi()
    assert set(described["paths"]) == {
        "/v1/audio/speech", "/v1/audio/voices", "/v1/audio/voices/{name}", "/v1/models", "/v1/models/{name}",
        "/v1/audio/models", "/healthz", "/metrics",
    }  # fmt: skip
