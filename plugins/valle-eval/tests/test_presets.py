"""Sentences of the presets: box is the same everywhere, the others are read as their makers lay them out."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
import soundfile
from valle_eval.presets.box import FULL, box
from valle_eval.presets.librispeech_pc import librispeech_pc
from valle_eval.presets.seed_tts import seed_tts
from valle_eval.presets.voices import with_references, with_voices
from valle_eval.sentences import Sentence, texts_hash

from valle_core.plugin import UserError


def tone(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.ones(1600), 16_000)
    return path


def test_box_has_its_numbers_and_never_changes():
    fast, full = box(), box(full=True)
    assert Counter(one.group for one in full) == FULL
    assert sum(FULL.values()) == len(full) == len({one.text for one in full}) == 1000
    assert len(fast) == 200
    assert {one.id for one in fast} < {one.id for one in full}
    assert (texts_hash(fast), texts_hash(full)) == ("5a624d89cd0bb2d6", "abea89fe1f85e427")


def test_box_holds_what_its_groups_say():
    groups = {name: [one.text for one in box(full=True) if one.group == name] for name in FULL}
    assert all(len(text.split()) == 1 for text in groups["one-word"])
    assert all(57 <= len(text.split()) <= 63 for text in groups["long"])
    assert all(text.endswith("?") for text in groups["questions"])
    assert all(any(letter.isdigit() for letter in text) for text in groups["numbers"])
    assert not [text for texts in groups.values() for text in texts if "{" in text or "  " in text]
    assert all(text[0].isupper() or text[0].isdigit() for texts in groups.values() for text in texts)


def test_seed_tts_is_read_with_its_prompts(tmp_path):
    for name in ("prompt-wavs/a.wav", "wavs/b.wav"):
        tone(tmp_path / "en" / name)
    lines = "b|words of a|prompt-wavs/a.wav|Say this.|wavs/b.wav\nc|words of a|prompt-wavs/a.wav|And that.\n"
    (tmp_path / "en" / "meta.lst").write_text(lines)
    first, second = seed_tts(tmp_path)
    assert (first.id, first.text, first.voice_text) == ("b", "Say this.", "words of a")
    assert first.reference == tmp_path / "en" / "wavs" / "b.wav"
    assert second.reference is None
    assert seed_tts(tmp_path / "en" / "meta.lst") == [first, second]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a|b|c", r"line 1 must be id\|words of the prompt"),
        ("a|b|/etc/hosts|text", "does not lie in"),
        ("a|b|../x.wav|text", "does not lie in"),
        ("a|b|none.wav|text", "does not exist"),
        ("", "holds no sentence"),
    ],
)
def test_a_list_that_is_not_of_seed_tts_is_refused(tmp_path, line, message):
    tone(tmp_path / "x.wav")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "meta.lst").write_text(line + "\n")
    with pytest.raises(UserError, match=message):
        seed_tts(tmp_path / "set")
    with pytest.raises(UserError, match=r"there is no meta\.lst"):
        seed_tts(tmp_path)


def test_librispeech_pc_is_read_from_its_list_or_its_manifest(tmp_path):
    names = ("61-70968-0000", "61-70968-0001", "121-1-0000")
    for name in names:
        speaker, chapter, _ = name.split("-")
        tone(tmp_path / "LibriSpeech" / "test-clean" / speaker / chapter / f"{name}.flac")
    with pytest.raises(UserError, match="has no list"):
        librispeech_pc(tmp_path)
    rows = [
        {"audio_filepath": f"x/{name}.flac", "duration": 5 + k, "text": f"Text {k}."} for k, name in enumerate(names)
    ]
    (tmp_path / "test-clean.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = librispeech_pc(tmp_path)
    assert [(one.id, one.voice.stem, one.voice_text) for one in found] == [
        (names[0], names[1], "Text 1."),
        (names[1], names[0], "Text 0."),
    ]
    (tmp_path / "librispeech_pc_test_clean_cross_sentence.lst").write_text(
        f"{names[0]}\t5.1\tText 0.\t{names[1]}\t6.0\tText 1.\n"
    )
    (only,) = librispeech_pc(tmp_path)
    assert (only.id, only.text, only.voice.stem, only.reference.stem) == (names[1], "Text 1.", names[0], names[1])
    (tmp_path / "librispeech_pc_test_clean_cross_sentence.lst").write_text("a\tb\n")
    with pytest.raises(UserError, match="line 1 must have six columns"):
        librispeech_pc(tmp_path)
    with pytest.raises(UserError, match="neither test-clean nor"):
        librispeech_pc(tmp_path / "LibriSpeech" / "test-clean")


def test_voices_are_dealt_in_turn_and_references_found_by_text(tmp_path):
    sentences = [Sentence(id=str(k), text=f"text {k}") for k in range(3)]
    with pytest.raises(UserError, match="holds no recording of a voice"):
        with_voices(sentences, tmp_path)
    with pytest.raises(UserError, match="Give a folder with a wav file of each voice"):
        with_voices(sentences, tmp_path / "nowhere")
    a, b = tone(tmp_path / "v" / "a.wav"), tone(tmp_path / "v" / "b.wav")
    b.with_suffix(".txt").write_text("what b says\n")
    voiced = with_voices(sentences, tmp_path / "v")
    assert [(one.voice, one.voice_text) for one in voiced] == [(a, ""), (b, "what b says"), (a, "")]
    table = tmp_path / "t.jsonl"
    table.write_text('{"audio": "v/a.wav", "text": "text 1"}\n{"audio": "v/b.wav", "text": "text 1", "id": "1"}\n')
    assert [one.reference for one in with_references(sentences, table)] == [None, b, None]
    table.write_text('{"audio": "v/a.wav", "text": "something else"}\n')
    with pytest.raises(UserError, match="has no recording of these texts"):
        with_references(sentences, table)
