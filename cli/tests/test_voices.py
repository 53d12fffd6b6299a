"""Saved voices: kept whole or not at all, read back as they were, refused in one line."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from valle.following import prompt_of
from valle.keeping import encoded_voice
from valle.voices import SavedVoice, VoiceStore, check_name, own_folder, read_voice, write_voice
from valle_core.plugin import UserError
from valle_core.synthesis.request import Encoded
from valle_core.types import CodecIdentity, Phonemes
from valle_language.recognition import PlacedPhonemes

CODEC = CodecIdentity(name="tiny", sample_rate=16_000, hop=320, num_levels=2, codebook_size=1024, weights_hash="ab")


def voice(name: str = "me", **changes) -> SavedVoice:
    made = SavedVoice(name=name, codes=torch.arange(12).reshape(6, 2), codec=CODEC, seconds=0.12, sounds="low")
    return replace(made, **changes)


@pytest.fixture
def store(tmp_path) -> VoiceStore:
    return VoiceStore(tmp_path / "voices")


def test_a_voice_is_read_as_it_was_added(store):
    said = voice(text="a bell", language="en", symbols=("a", " ", "b"), times=(0.0, 0.02, 0.03, 0.1))
    store.add(said)
    found = store.read("me")
    assert found.codes.equal(said.codes)
    assert found.codes.dtype == torch.int64
    assert found.facts() == said.facts()
    assert (found.symbols, found.times, found.text) == (said.symbols, said.times, said.text)
    assert store.names() == ("me",)
    assert "me" in store
    assert "you" not in store
    assert "../me" not in store


def test_codes_of_a_large_codebook_are_kept(store):
    wide = replace(CODEC, codebook_size=70_000)
    store.add(voice(codec=wide, codes=torch.tensor([[69_999, 0]])))
    assert store.read("me").codes.tolist() == [[69_999, 0]]


def test_a_name_that_is_taken_is_kept_unless_it_is_replaced(store):
    store.add(voice())
    with pytest.raises(UserError, match=r"^there is a voice 'me' already; choose another name, or --replace it$"):
        store.add(voice(sounds="high"))
    assert store.read("me").sounds == "low"
    store.add(voice(sounds="high"), replace=True)
    assert store.read("me").sounds == "high"


def test_all_voices_are_removed_or_none(store):
    for name in ("a", "b", "c"):
        store.add(voice(name))
    with pytest.raises(UserError, match=r"there is no saved voice 'x' in '.*'\. Choose one of: a, b, c$"):
        store.remove("a", "x")
    store.remove("a", "c")
    assert store.names() == ("b",)


@pytest.mark.parametrize("name", ["", "Me", "a/b", "../a", ".a", "-a", "a" * 65, "ä", "a b", "a\0", "a.b", None, 3])
def test_a_name_that_could_be_a_path_or_look_like_another_is_refused(store, name):
    with pytest.raises(UserError, match="the name of a voice must be 1 to 64 of the characters"):
        check_name(name)
    with pytest.raises(UserError, match="the name of a voice must be"):
        store.add(voice(name))
    with pytest.raises(UserError, match="there is no saved voice"):
        store.read(name)
    assert not store.folder.exists() or list(store.folder.glob("*.safetensors")) == []


def test_adding_that_is_killed_leaves_what_was_there_and_no_lock(store):
    store.add(voice("old"))
    child = os.fork()
    if not child:
        with store._locked():
            (store.folder / ".new.safetensors.0123.tmp").write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert store.names() == ("old",)
    store.add(voice("new"))
    assert store.names() == ("new", "old")
    assert list(store.folder.glob(".*.tmp")) == []


def test_two_that_add_one_name_do_not_both_win(store, monkeypatch):
    monkeypatch.setattr("valle.voices.WAIT_SECONDS", 0.05)
    with store._locked(), pytest.raises(UserError, match="are being changed by another process"):
        VoiceStore(store.folder).add(voice())


def damaged(path: Path, **about) -> None:
    write_voice(path, voice())
    written = {
        "format_version": 1, "name": "me", "codec": {**vars_of(CODEC)}, "seconds": 0.1, "sounds": "", "text": "",
        "language": "", "symbols": [], "times": [], **about,
    }  # fmt: skip
    save_file({"codes": torch.zeros(2, 2, dtype=torch.int16)}, path, {"voice": json.dumps(written)})


def vars_of(codec: CodecIdentity) -> dict:
    return {name: getattr(codec, name) for name in CodecIdentity.__slots__}


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({"format_version": 2}, "format_version must be 1, got 2"),
        ({"codec": {"name": "tiny"}}, "does not name a codec completely"),
        ({"codec": {**vars_of(CODEC), "num_levels": 8}}, r"must be \[frames, 8\], got \[2, 2\]"),
        ({"seconds": "long"}, "'seconds' must be a number"),
        ({"times": [0.1]}, "0 phonemes cannot have 1 times"),
        ({"name": 3}, "'name' must be text"),
    ],
)
def test_a_voice_that_is_not_what_it_says_is_refused_in_one_line(tmp_path, about, why):
    damaged(tmp_path / "me.safetensors", **about)
    with pytest.raises(UserError, match=why) as refused:
        read_voice(tmp_path / "me.safetensors")
    assert "\n" not in str(refused.value)


def test_files_that_are_no_voices_are_refused_and_left_out_of_the_list(store):
    store.add(voice("good"))
    (store.folder / "text.safetensors").write_text("hello")
    (store.folder / "folder.safetensors").mkdir()
    os.mkfifo(store.folder / "pipe.safetensors")
    save_file({"codes": torch.zeros(1, 2)}, store.folder / "plain.safetensors")
    (store.folder / "large.safetensors").write_bytes(b"\0" * ((16 << 20) + 1))
    assert [one.name for one in store.readable()] == ["good"]
    for name in ("text", "plain", "large"):
        with pytest.raises(UserError, match=r"is not a readable voice \(.*\)\. Add the recording again$"):
            store.read(name)


def test_the_users_own_folder_follows_the_desktops_rules(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert own_folder() == tmp_path / "valle" / "voices"
    assert VoiceStore().names() == ()
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert own_folder() == tmp_path / "home" / ".local" / "share" / "valle" / "voices"


def test_a_folder_that_cannot_be_one_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file; name a folder"):
        VoiceStore(tmp_path / "file")
    with pytest.raises(UserError, match=r"cannot be written to: .*\. Name another one: --voices FOLDER"):
        VoiceStore(tmp_path / "file" / "voices").add(voice())


def test_a_voice_of_another_codec_is_refused_with_the_command_that_helps():
    with pytest.raises(UserError, match=r"by codec 'tiny' .*: valle voices add me RECORDING --model MODEL --replace$"):
        voice().require(replace(CODEC, weights_hash="cd"))
    voice().require(CODEC)


def test_a_name_means_the_models_voice_before_a_saved_one(store):
    box = SimpleNamespace(voices={"ada": "female"}, prompt=lambda name="": f"codes of {name or 'ada'}")
    store.add(voice("ada"))
    store.add(voice("me"))
    assert prompt_of(box, "ada", None, store.folder) == "codes of ada"
    assert prompt_of(box, "", None, store.folder) == "codes of ada"
    assert prompt_of(box, "me", None, store.folder).name == "me"
    assert prompt_of(None, "ada", None, store.folder).name == "ada"
    with pytest.raises(UserError, match=r"^there is no voice 'eva'\. Choose one of: ada, me$"):
        prompt_of(box, "eva", None, store.folder)
    with pytest.raises(UserError, match=r"^there is no voice 'eva', for none is saved\. Give a prompt, or keep it"):
        prompt_of(None, "eva", None, store.folder / "other")


class Speaker:
    """What `encoded_voice` needs of one: a codec of 50 frames a second that reads at most a second."""

    languages = ("en", "de")
    codec = SimpleNamespace(identity=CODEC, frame_rate=50.0, sample_rate=16_000)

    def __init__(self, seconds: float) -> None:
        wav = np.full(round(seconds * 16_000), 0.1, np.float32)
        words = SimpleNamespace(
            phonemize=lambda text, language: Phonemes(
                symbols=tuple(text), words=((0, 1), (2, 3), (4, 5)), language=language
            )
        )
        prompts = SimpleNamespace(load=lambda *_, **__: wav, max_seconds=30.0)
        self.synthesizer = SimpleNamespace(components=SimpleNamespace(frontend=words, prompts=prompts))
        self.frames = round(min(seconds, 1.0) * 50)
        self.encodings = 0

    def encode(self, recording: Path) -> Encoded:
        self.encodings += 1
        return Encoded(torch.zeros(self.frames, 2, dtype=torch.long), "it was cut" if self.frames == 50 else "")


class Aligner:
    def __init__(self, found: float = 1.0) -> None:
        self.found = found

    def place(self, wav, rate, phonemes) -> PlacedPhonemes:
        return PlacedPhonemes(times=(0.0, 0.3, 0.4, 0.9, 1.0, 1.4), found=self.found)


def test_a_recording_is_encoded_once_and_keeps_its_words():
    speaker = Speaker(0.8)
    made, remarks = encoded_voice(speaker, "me", Path("a.wav"), text=" a b c ", sounds="low")
    assert (made.text, made.language, made.seconds, remarks, speaker.encodings) == ("a b c", "en", 0.8, [], 1)


def test_words_that_were_cut_off_go_where_they_are_timed():
    made, remarks = encoded_voice(Speaker(1.5), "me", Path("a.wav"), text="a b c", aligner=Aligner())
    assert (made.text, made.symbols, made.times) == ("a b", ("a", " ", "b"), (0.0, 0.3, 0.4, 0.9))
    assert remarks == ["it was cut"]
    made, remarks = encoded_voice(Speaker(1.5), "me", Path("a.wav"), text="a b c")
    assert (made.text, made.language) == ("", "")
    assert remarks[1].startswith("its text no longer fits and is left out")


def test_words_of_another_recording_are_refused():
    with pytest.raises(UserError, match=r"says something else than its text: 0\.20 of the phonemes were found"):
        encoded_voice(Speaker(0.8), "me", Path("a.wav"), text="a b c", aligner=Aligner(0.2))
    with pytest.raises(UserError, match="give what the recording says: --prompt-text"):
        encoded_voice(Speaker(0.8), "me", Path("a.wav"), aligner=Aligner())
    with pytest.raises(UserError, match="language 'xx' is unknown here"):
        encoded_voice(Speaker(0.8), "me", Path("a.wav"), text="a", language="xx")


def test_an_exported_voice_is_added_under_another_name(tmp_path):
    write_voice(tmp_path / "you.safetensors", voice("you"))
    made, _ = encoded_voice(Speaker(1), "me", tmp_path / "you.safetensors")
    assert (made.name, made.sounds) == ("me", "low")
    with pytest.raises(UserError, match="is an exported voice, which has a text"):
        encoded_voice(Speaker(1), "me", tmp_path / "you.safetensors", text="a")


def test_the_commands_list_export_and_remove(valle, store, tmp_path, monkeypatch):
    store.add(voice())
    where = ("--voices", str(store.folder))
    code, out, _ = valle("voices", "list", *where, "--json")
    assert code == 0
    assert [row["name"] for row in json.loads(out) if row["saved"]] == ["me"]
    assert valle("voices", "export", "me", "--out", str(tmp_path / "me.safetensors"), *where)[0] == 0
    assert read_voice(tmp_path / "me.safetensors").codes.equal(voice().codes)
    code, _, err = valle("voices", "export", "me", "--out", str(tmp_path / "me.wav"), *where)
    assert (code, err.splitlines()[-1]) == (
        2, f"error: --out {tmp_path / 'me.wav'}: a voice is a file; let its name end in .safetensors",
    )  # fmt: skip
    assert valle("voices", "remove", "me", *where)[0] == 0
    code, _, err = valle("voices", "remove", "me", *where)
    assert code == 2
    assert "None is saved: valle voices add NAME RECORDING" in err
