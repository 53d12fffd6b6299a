"""Push and pull against a Hub made of a few lines on this machine; nothing leaves it."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from valle_export.plugin import PULL, PUSH

from valle_cli.main import run as valle
from valle_core.api import Manifest, RunFolder, save_checkpoint
from valle_core.types import CodecIdentity
from valle_testing import suite
from valle_testing.suites.command.ran import valle as installed

constants = pytest.importorskip("huggingface_hub.constants")

test_push_conforms = suite.conformance("command", installed("push"), spec=PUSH)
test_pull_conforms = suite.conformance("command", installed("pull"), spec=PULL)

COMMIT = "0123456789012345678901234567890123456789"
CODEC = CodecIdentity(name="tiny", sample_rate=16_000, hop=320, num_levels=8, codebook_size=256, weights_hash="0" * 16)
CONFIG = "arch: {name: llama}\nattention: {name: sdpa}\nrewrite: []\nalignment: null\nmodel: {}\n"


class Hub(BaseHTTPRequestHandler):
    """As much of the Hub as creating a repository, one commit and one download need."""

    def log_message(self, format, *args):
        pass

    def _answer(self, content: bytes | dict, code: int = 200, **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    @property
    def files(self) -> dict[str, bytes]:
        return self.server.files  # type: ignore[attr-defined]

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.calls.append(self.path)  # type: ignore[attr-defined]
        if self.path.endswith("/repos/create"):
            self._answer({"url": f"http://{self.headers['Host']}/anna/voice", "name": "anna/voice"})
        elif self.path.endswith("/validate-yaml"):
            self._answer({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            asked = json.loads(sent)["files"]
            self._answer(
                {"files": [{"path": one["path"], "uploadMode": "regular", "shouldIgnore": False} for one in asked]}
            )
        elif "/commit/" in self.path:
            for line in map(json.loads, sent.splitlines()):
                if line["key"] == "file":
                    self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            self._answer({"commitUrl": f"http://{self.headers['Host']}/anna/voice/commit/{COMMIT}", "commitOid": COMMIT,
                          "success": True})  # fmt: skip
        else:
            self._answer({}, 404)

    def do_GET(self) -> None:
        name = self.path.partition(f"/resolve/{COMMIT}/")[2].partition("?")[0]
        if "/api/models/anna/voice" in self.path and self.files:
            names = [{"rfilename": one, "size": len(self.files[one])} for one in self.files]
            if "/tree/" in self.path:
                self._answer([{"type": "file", "path": one, "size": len(self.files[one]), "oid": "0" * 40}
                              for one in self.files])  # fmt: skip
            else:
                self._answer({"id": "anna/voice", "sha": COMMIT, "siblings": names, "private": False})
        elif name in self.files:
            content = self.files[name]
            tag = hashlib.sha256(content).hexdigest()
            self._answer(content, ETag=f'"{tag}"', X_Repo_Commit=COMMIT)
        else:
            self._answer({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")

    do_HEAD = do_GET


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A Hub that this process asks instead of the real one."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.files, server.calls = {}, []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", "hf_of_a_test")
    yield server
    server.shutdown()


@pytest.fixture
def exported(tmp_path) -> Path:
    """What `valle export` writes, by hand."""
    manifest = Manifest(step=3, codec=CODEC, frontend="espeak", symbols=("<pad>", "a"), languages=("en",),
                        tasks=("tts",), plugins=())  # fmt: skip
    tensors = {"model": {"heads.bias": torch.zeros(2)}}
    made = save_checkpoint(RunFolder(tmp_path / "made"), manifest, CONFIG, tensors, keep=0)
    folder = made.rename(tmp_path / "exported")
    (folder / "README.md").write_text("---\nlibrary_name: valle\n---\n")
    (folder / "plugins.json").write_text('{"format_version": 1, "made_with": {}, "plugins": []}\n')
    (folder / "modeling.py").write_text("raise SystemExit\n")
    return folder


def test_what_was_pushed_is_pulled_again(hub, exported, tmp_path, capsys):
    assert valle(["push", str(exported), "anna/voice", "--private"]) == 0, capsys.readouterr().err
    assert sorted(hub.files) == ["README.md", "manifest.json", "model.safetensors", "model.yaml", "plugins.json"]
    assert valle(["pull", "anna/voice", "--out", str(tmp_path / "back")]) == 0, capsys.readouterr().err
    for name, content in hub.files.items():
        assert (tmp_path / "back" / name).read_bytes() == content
    assert sorted(path.name for path in (tmp_path / "back").iterdir() if path.is_file()) == sorted(hub.files)


def test_code_and_pickles_of_a_repository_are_not_taken(hub, exported, tmp_path, capsys):
    assert valle(["push", str(exported), "anna/voice"]) == 0, capsys.readouterr().err
    hub.files |= {"modeling.py": b"raise SystemExit", "pytorch_model.bin": b"cos\nsystem\n.", "codec/x.py": b"1"}
    assert valle(["pull", "anna/voice", "--out", str(tmp_path / "back")]) == 0, capsys.readouterr().err
    names = {path.name for path in (tmp_path / "back").rglob("*") if path.is_file()}
    assert not names & {"modeling.py", "pytorch_model.bin", "x.py"}


def test_weights_that_were_changed_on_the_way_are_refused_and_nothing_stays(hub, exported, tmp_path, capsys):
    assert valle(["push", str(exported), "anna/voice"]) == 0
    hub.files["model.safetensors"] = hub.files["model.safetensors"][:-1] + b"\1"
    assert valle(["pull", "anna/voice", "--out", str(tmp_path / "back")]) == 2
    assert "SHA-256" in capsys.readouterr().err
    assert not (tmp_path / "back").exists()


def test_a_repository_that_is_not_there_is_told_in_one_line(hub, tmp_path, capsys):
    assert valle(["pull", "anna/voice", "--out", str(tmp_path / "back")]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: anna/voice: it does not exist, or is private")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["push", "nowhere", "anna/voice"], "there is no folder nowhere"),
        (["push", "EXPORTED", "a/b/c"], "'a/b/c' is not the name of a repository"),
        (["push", "EXPORTED", "../x"], "is not the name of a repository"),
        (["push", "RUN", "anna/voice"], "is a run, with paths of this machine"),
        (["push", "EMPTY", "anna/voice"], "has no model card"),
        (["pull", "EXPORTED/x/y", "--out", "o"], "is not the name of a repository"),
    ],
)
def test_mistakes_are_told_before_the_hub_is_asked(hub, exported, tmp_path, capsys, words, message):
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    places = {"EXPORTED": exported, "RUN": tmp_path / "run", "EMPTY": tmp_path / "empty"}
    assert valle([str(places.get(word, word)) for word in words]) == 2
    assert message in capsys.readouterr().err
    assert hub.calls == []
