"""Files that end too early or whose header lies are refused, by the marks of their containers; whole ones are read."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import soundfile

from valle_core.plugin import UserError
from valle_data.audio.reading import read
from valle_testing.fakes.audio import tone_speech

RATE = 16_000
SOUND = np.tile(tone_speech("abcdefgh"), 6)
FORMATS = {"wav": {}, "flac": {}, "mp3": {}, "ogg": {}, "opus": {"format": "OGG", "subtype": "OPUS"}}


def written(folder, ending):
    path = folder / f"a.{ending}"
    soundfile.write(path, SOUND, RATE, **FORMATS[ending])
    return path


@pytest.mark.parametrize("ending", FORMATS)
def test_a_whole_file_is_read_and_one_cut_anywhere_is_not(tmp_path, ending):
    path = written(tmp_path, ending)
    whole = path.read_bytes()
    assert len(read(path)[0]) == pytest.approx(len(SOUND), abs=RATE // 10)
    for share in (0.05, 0.3, 0.5, 0.66, 0.9):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(UserError, match=rf"a\.{ending}"):
            read(path)


def test_an_mp3_without_a_header_of_its_length_that_ends_inside_of_a_frame_is_refused(tmp_path):
    path = written(tmp_path, "mp3")
    whole = path.read_bytes()
    first = whole.index(b"\xff\xf3", 4)  # the frame behind the one that says how many there are
    path.write_bytes(whole[first:])
    assert len(read(path)[0])
    path.write_bytes(whole[first:-100])
    with pytest.raises(UserError, match="ends inside of a frame of MP3"):
        read(path)
    path.write_bytes(whole[first:] + b"TAG" + bytes(125))
    assert len(read(path)[0])


def test_a_page_of_ogg_that_is_missing_at_the_end_is_noticed(tmp_path):
    path = written(tmp_path, "opus")
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"OggS")])
    with pytest.raises(UserError, match="not marked as the last"):
        read(path)


def wav_saying(path, length, *, more=b"", riff=None):
    soundfile.write(path, SOUND, RATE)
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", length)
    if riff is not None:
        content[4:8] = struct.pack("<I", riff)
    path.write_bytes(bytes(content) + more)


BYTES = 2 * len(SOUND)


@pytest.mark.parametrize(
    ("length", "riff", "why"),
    [
        (0, None, "its header says 0 bytes of sound.*the recorder was stopped before it wrote the length"),
        (0, 0, "its header says 0 bytes of sound"),
        (BYTES // 2, None, "more lie behind them"),
        (BYTES * 3, None, "was cut off"),
    ],
)
def test_a_wav_whose_header_says_another_length_is_refused(tmp_path, length, riff, why):
    wav_saying(tmp_path / "a.wav", length, riff=riff)
    with pytest.raises(UserError, match=why):
        read(tmp_path / "a.wav")


@pytest.mark.parametrize(
    ("length", "riff", "more"),
    [
        (0xFFFFFFFF, 0xFFFFFFFF, b""),
        (0x7FFFFFFF, None, b""),
        (BYTES, 0, b""),
        (BYTES, None, b"LIST" + struct.pack("<I", 8000) + b"x" * 8000),
        (BYTES, None, bytes(8000)),
        (BYTES, None, b"ID3\x03" + b"x" * 8000),
    ],
)
def test_a_wav_of_a_stream_or_with_something_behind_the_sound_is_read(tmp_path, length, riff, more):
    wav_saying(tmp_path / "a.wav", length, riff=riff, more=more)
    assert len(read(tmp_path / "a.wav")[0]) == len(SOUND)


def test_a_flac_of_a_stream_is_refused_for_what_it_is(tmp_path):
    path = written(tmp_path, "flac")
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)  # the number of samples: unknown
    path.write_bytes(content)
    with pytest.raises(UserError, match="does not say how long it is"):
        read(path, max_seconds=30)
