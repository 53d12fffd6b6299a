"""Finding recordings, speakers and transcripts in the folder layouts that are known."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from valle_core.audio.wav import SUFFIXES
from valle_core.plugin import UserError
from valle_core.text.detection import is_auto


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """One audio file that may become an utterance.

    Attributes:
        id: its path without the ending, e.g. `train/anna/0001`.
        speaker: `group/speaker` or `speaker`.
        audio: the file.
        text: transcript where a table gives it; None looks for a `.txt` beside the audio.
        language: tag that was detected, or None.
    """

    id: str
    speaker: str
    audio: Path
    text: str | None = None
    language: str | None = None

    def stamp(self) -> str:
        """Changes when the audio, the transcript or the facts beside it change."""
        marks = [self.text or "", *([self.language] if self.language else [])]
        for path in (self.audio, self.audio.with_suffix(".txt"), self.audio.with_suffix(".json")):
            try:
                state = path.stat()
                marks.append(f"{state.st_size}:{state.st_mtime_ns}")
            except OSError:
                marks.append("-")
        return " ".join(marks)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejection:
    """Why a recording is left out.

    Attributes:
        id: of the recording.
        reason: a short word that is counted, e.g. `too-long`.
        detail: one line for a person.
    """

    id: str
    reason: str
    detail: str


def find_recordings(source: Path) -> tuple[list[Recording], list[Rejection]]:
    """Recordings sorted by id, and audio files that fit no layout.

    Raises:
        UserError: the folder does not exist or holds no audio.
    """
    if not source.is_dir():
        raise UserError(f"recordings '{source}' is not a folder. Name the folder that holds the speakers' folders")
    found, rejected = _lj_speech(source) if (source / "metadata.csv").is_file() else _speaker_folders(source)
    if not found and not rejected:
        raise UserError(
            f"no recordings in '{source}'. Expected {{group}}/{{speaker}}/*.wav, {{speaker}}/*.wav "
            f"(or {', '.join(SUFFIXES[1:])}), or metadata.csv beside wavs/"
        )
    unique: dict[str, Recording] = {}
    for recording in sorted(found, key=lambda recording: (recording.id, recording.audio)):
        first = unique.setdefault(recording.id, recording)
        if first is not recording:
            detail = f"'{recording.audio}' has the name of '{first.audio}'. Rename one of them"
            rejected.append(Rejection(id=f"{recording.id}{recording.audio.suffix}", reason="same-name", detail=detail))
    return list(unique.values()), sorted(rejected, key=lambda rejection: rejection.id)


def _audio_files(source: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(source, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                yield Path(folder) / name


def _speaker_folders(source: Path) -> tuple[list[Recording], list[Rejection]]:
    found, rejected = [], []
    for path in _audio_files(source):
        relative = path.relative_to(source)
        id = relative.with_suffix("").as_posix()
        if len(relative.parts) in (2, 3):
            found.append(Recording(id=id, speaker=relative.parent.as_posix(), audio=path))
        else:
            detail = f"'{path}' lies in no {{speaker}} or {{group}}/{{speaker}} folder. Move it into one"
            rejected.append(Rejection(id=id, reason="no-speaker", detail=detail))
    return found, rejected


def _lj_speech(source: Path) -> tuple[list[Recording], list[Rejection]]:
    """`metadata.csv` with lines `name|text|normalised text` beside `wavs/`; one speaker, named like the folder."""
    speaker = source.resolve().name
    files = {path.stem: path for path in reversed(list(_audio_files(source / "wavs")))}
    found, rejected = [], []
    try:
        lines = (source / "metadata.csv").read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise UserError(f"'{source / 'metadata.csv'}' is not UTF-8 ({error.reason}). Convert it") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name, *texts = line.split("|")
        if name not in files or not texts:
            reason = "no-audio" if texts else "bad-line"
            detail = f"metadata.csv:{number} names '{name}': " + ("no such file in wavs/" if texts else "no transcript")
            rejected.append(Rejection(id=name, reason=reason, detail=detail))
            continue
        text = next((text for text in reversed(texts) if text.strip()), "")
        found.append(Recording(id=name, speaker=speaker, audio=files[name], text=text.strip()))
    named = {line.split("|", 1)[0] for line in lines}
    for name in sorted(set(files) - named):
        detail = f"'{files[name]}' has no line in metadata.csv"
        rejected.append(Rejection(id=name, reason="no-transcript", detail=detail))
    return found, rejected


def transcript(recording: Recording) -> str | Rejection:
    """The text of a recording on one line, or why there is none."""
    text = recording.text
    path = recording.audio.with_suffix(".txt")
    if text is None:
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            return Rejection(id=recording.id, reason="no-transcript", detail=f"'{path}' does not exist")
        except (OSError, UnicodeDecodeError) as error:
            return Rejection(id=recording.id, reason="bad-transcript", detail=f"'{path}' cannot be read ({error})")
    text = " ".join(text.split())
    if not text:
        return Rejection(id=recording.id, reason="empty-transcript", detail=f"the transcript of '{path}' is empty")
    return text


def spoken_language(recording: Recording, language: str | None) -> str | Rejection:
    """The language asked for (detected, where that was asked for), else the field `language` of the `.json` beside."""
    if is_auto(language):
        detail = f"the language of '{recording.audio}' is not clear. Name it: --language TAG, or auto:TAG,TAG"
        return recording.language or Rejection(id=recording.id, reason="unclear-language", detail=detail)
    if language is not None:
        return language
    path = recording.audio.with_suffix(".json")
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        stored = None
    except (OSError, ValueError) as error:
        return Rejection(id=recording.id, reason="bad-facts", detail=f"'{path}' cannot be read ({error})")
    tag = stored.get("language") if isinstance(stored, dict) else None
    if not isinstance(tag, str) or not tag:
        detail = f"no language for '{recording.audio}'. Give --language, or a '{path.name}' with a field language"
        return Rejection(id=recording.id, reason="no-language", detail=detail)
    return tag
