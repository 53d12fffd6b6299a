"""Speech from text in memory, with the exact times of words and phonemes, through espeak-ng's C library."""

from __future__ import annotations

import _ctypes
import ctypes
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import espeakng_loader
import numpy as np

from valle_core.plugin import UserError
from valle_corpus.engines.engine import Span, Spoken

SAMPLE_RATE = 22050
"""Rate of espeak-ng's formant voices, Hz."""

# espeak-ng's speak_lib.h: output mode, initialisation flags, synthesis flags, parameters, event types.
_SYNCHRONOUS = 2
_PHONEME_EVENTS, _PHONEME_IPA, _DONT_EXIT = 0x1, 0x2, 0x8000
_CHARS_UTF8, _ENDPAUSE = 0x1, 0x1000
_RATE, _PITCH, _RANGE = 1, 3, 4
_TERMINATED, _WORD, _END, _PHONEME = 0, 1, 5, 7


@dataclass(frozen=True, kw_only=True, slots=True)
class Voice:
    """Who speaks.

    Attributes:
        language: espeak-ng voice tag, e.g. `"en-us"`.
        variant: one of espeak-ng's voice variants, e.g. `"f3"`, or empty for the language's own voice.
        pitch: base pitch 0 … 99.
        range: pitch range 0 … 99; 0 is monotone.
        rate: words per minute, 80 … 450.
    """

    language: str = "en-us"
    variant: str = ""
    pitch: int = 50
    range: int = 50
    rate: int = 175


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class _FreshLibrary:
    """A copy of the library that no earlier utterance has touched.

    espeak-ng keeps state between utterances, so that a text repeated in one process is not bit-identical; a
    library loaded from a file of its own starts from the same state each time (a copy takes about 5 ms). Breath
    noise comes from espeak-ng's own generator, seeded by the clock at initialisation, and in Klatt voices from the C
    library's `rand`; both are seeded anew for each utterance.
    """

    def __enter__(self) -> Any:
        source = os.environ.get("PHONEMIZER_ESPEAK_LIBRARY") or espeakng_loader.get_library_path()
        if not Path(source).is_file():
            raise UserError(f"espeak-ng library '{source}' is not a file. Unset or fix PHONEMIZER_ESPEAK_LIBRARY")
        handle, path = tempfile.mkstemp(suffix=Path(source).suffix)
        os.close(handle)
        try:
            shutil.copyfile(source, path)
            self._library = ctypes.CDLL(path)
        finally:
            if sys.platform != "win32":
                os.unlink(path)
        (ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)).srand(1)
        return self._library

    def __exit__(self, *error: object) -> None:
        self._library.espeak_Terminate()
        if sys.platform != "win32":
            _ctypes.dlclose(self._library._handle)


def _data_folder() -> str:
    data = os.environ.get("PHONEMIZER_ESPEAK_DATA_PATH") or espeakng_loader.get_data_path()
    return str(Path(data).parent if Path(data).name == "espeak-ng-data" else Path(data))


def synthesize(text: str, voice: Voice) -> Spoken:
    """Speak `text`. Equal arguments give equal bytes in any process and order.

    Raises:
        UserError: espeak-ng does not know the voice, or the text gives no sound.
    """
    pieces: list[np.ndarray] = []
    events: list[tuple[int, int, int, int, bytes]] = []

    def receive(wav: Any, count: int, event: Any) -> int:
        if count > 0:
            pieces.append(np.ctypeslib.as_array(wav, shape=(count,)).copy())
        index = 0
        while event[index].type != _TERMINATED:
            one = event[index]
            raw = ctypes.string_at(ctypes.addressof(one.id), 8).split(b"\0")[0] if one.type == _PHONEME else b""
            events.append((one.type, one.sample, one.text_position, one.length, raw))
            index += 1
        return 0

    callback = _CALLBACK(receive)
    with _FreshLibrary() as library:
        flags = _PHONEME_EVENTS | _PHONEME_IPA | _DONT_EXIT
        if library.espeak_Initialize(_SYNCHRONOUS, 0, os.fsencode(_data_folder()), flags) != SAMPLE_RATE:
            raise UserError(f"espeak-ng does not start with the data in '{_data_folder()}'. Reinstall espeakng-loader")
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        library.espeak_SetSynthCallback(callback)
        name = f"{voice.language}+{voice.variant}" if voice.variant else voice.language
        if library.espeak_SetVoiceByName(name.encode()) != 0:
            raise UserError(f"espeak-ng has no voice '{name}'. `espeak-ng --voices` lists them")
        for parameter, value in ((_RATE, voice.rate), (_PITCH, voice.pitch), (_RANGE, voice.range)):
            library.espeak_SetParameter(parameter, value, 0)
        encoded = text.encode() + b"\0"
        library.espeak_Synth(encoded, ctypes.c_size_t(len(encoded)), 0, 1, 0, _CHARS_UTF8 | _ENDPAUSE, None, None)
        library.espeak_Synchronize()
    if not pieces:
        raise UserError(f"espeak-ng finds no words in {text!r}. Give a text with words")
    audio = np.concatenate(pieces)
    return Spoken(audio=audio, phonemes=_phonemes(events, len(audio)), words=_words(events, text, len(audio)))


def _phonemes(events: list[tuple[int, int, int, int, bytes]], total: int) -> tuple[Span, ...]:
    starts = [(sample, raw.decode("utf-8", "ignore")) for kind, sample, _, _, raw in events if kind == _PHONEME]
    ends = [min(sample, total) for sample, _ in starts[1:]] + [total]
    return tuple(
        Span(label=label, start=sample / SAMPLE_RATE, end=end / SAMPLE_RATE)
        for (sample, label), end in zip(starts, ends, strict=True)
        if end > sample
    )


def _words(events: list[tuple[int, int, int, int, bytes]], text: str, total: int) -> tuple[Span, ...]:
    """A word ends where the next word, or the silence after its clause, starts."""
    marks = [e for e in events if e[0] in (_WORD, _END) or (e[0] == _PHONEME and not e[4])]
    spans = []
    for index, (kind, sample, position, length, _) in enumerate(marks):
        if kind == _WORD:
            end = marks[index + 1][1] if index + 1 < len(marks) else total
            label = text[position - 1 : position - 1 + length]
            spans.append(Span(label=label, start=sample / SAMPLE_RATE, end=min(end, total) / SAMPLE_RATE))
    return tuple(spans)
