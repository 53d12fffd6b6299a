"""Which recordings `valle transcribe --model` takes."""

from __future__ import annotations

import pytest

from valle_core.audio.wav import SUFFIXES
from valle_core.plugin import UserError
from valle_data.commands.phonemes_of import recordings_in


def test_a_folder_is_searched_for_every_kind_of_audio_that_a_corpus_may_have(tmp_path):
    """Opus was passed over."""
    names = sorted(f"sub/a{number}{suffix}" for number, suffix in enumerate(SUFFIXES))
    (tmp_path / "sub").mkdir()
    for name in (*names, "sub/notes.txt"):
        (tmp_path / name).touch()
    assert recordings_in(str(tmp_path)) == [tmp_path / name for name in names]


def test_a_folder_without_any_is_refused_with_what_is_looked_for(tmp_path):
    with pytest.raises(UserError, match=r"holds no recordings \(\.wav, .*\.opus\)"):
        recordings_in(str(tmp_path))
