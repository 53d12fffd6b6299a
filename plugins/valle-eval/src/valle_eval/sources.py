"""Which sentences are judged: of a table, a folder or a preset, with voices and recordings from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from valle_core.plugin import UserError
from valle_eval.options import EvalOptions
from valle_eval.presets.box import box
from valle_eval.presets.librispeech_pc import librispeech_pc
from valle_eval.presets.seed_tts import seed_tts
from valle_eval.presets.voices import with_references, with_voices
from valle_eval.sentences import Sentence
from valle_eval.synthesis import file_name
from valle_eval.tables import SOUNDS, read_table


def sentences_of(own: EvalOptions, *, spoken: bool) -> tuple[list[Sentence], str]:
    """The sentences and what to call their source.

    Args:
        own: the options.
        spoken: a model will speak them; then speech that is there already counts as a recording of the text.

    Raises:
        UserError: there are none, or a file is missing.
    """
    sentences, source = _read(own, spoken)
    if own.voices is not None:
        sentences = with_voices(sentences, own.voices)
    if own.references is not None:
        sentences = with_references(sentences, own.references)
    if spoken:
        sentences = [replace(one, audio=None, source=None, reference=one.reference or one.audio) for one in sentences]
    elif own.audio is not None:
        sentences = list(_with_audio(sentences, own.audio))
    sentences = sentences[: own.limit or None]
    if not spoken and own.export is None and not any(one.audio for one in sentences):
        raise UserError(
            f"{source} has no audio. Give a model to synthesize it (--model RUN), or its audio (--audio FOLDER)"
        )
    return sentences, source


def _read(own: EvalOptions, spoken: bool) -> tuple[list[Sentence], str]:
    if own.preset == "box":
        return box(full=own.full), "preset box" + (", full" if own.full else "")
    if own.table is None:
        raise UserError("nothing to evaluate; name a table of audio and texts, or --preset box with --model RUN")
    if own.preset == "seed-tts":
        return seed_tts(own.table), "preset seed-tts"
    if own.preset == "librispeech-pc":
        return librispeech_pc(own.table), "preset librispeech-pc"
    needs_audio = not spoken and own.audio is None and own.export is None
    return read_table(own.table, own.language, needs_audio=needs_audio), f"'{own.table}'"


def _with_audio(sentences: Sequence[Sentence], folder: Path):
    """Those whose speech is in the folder, as `ID.wav`, or as `valle eval` names it."""
    found = 0
    for one in sentences:
        names = (one.id, file_name(one.id))
        paths = (folder / f"{name}{ending}" for name in names for ending in SOUNDS)
        path = next(
            (path for path in paths if path.is_file() and path.resolve().is_relative_to(folder.resolve())), None
        )
        if path is not None:
            found += 1
            yield replace(one, audio=path)
    if not found:
        raise UserError(
            f"'{folder}' holds no speech of these sentences. Files must be called ID.wav, e.g. {names[0]}.wav"
        )
