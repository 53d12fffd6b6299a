"""Voices that a user keeps: encoded prompts in a folder, one file each, which appear and go as a whole."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from valle.options import PathLike, named
from valle_core.codes.checks import check_codes
from valle_core.codes.identity import describe, from_dict, to_dict
from valle_core.files import replacing
from valle_core.plugin import UserError
from valle_core.reading.json_text import loads
from valle_core.reading.kinds import Kind, check_kinds
from valle_core.reading.place import regular
from valle_core.reading.tensors import damage_named, map_tensors
from valle_core.types import CodecIdentity

if TYPE_CHECKING:
    from jaxtyping import Int
    from torch import Tensor

ENDING = ".safetensors"
LARGEST = 16 << 20
"""Bytes of a voice: an hour of codes is less."""

WAIT_SECONDS = 30.0
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_KINDS: dict[str, Kind] = {
    "format_version": int,
    "name": str,
    "codec": dict,
    "seconds": float,
    "sounds": str,
    "text": str,
    "language": str,
    "symbols": (str,),
    "times": (float,),
}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SavedVoice:
    """A prompt as it is kept.

    Attributes:
        name: by which it is asked for.
        codes: [F, Q] of the recording, as long as the model it was added for reads prompts.
        codec: that they belong to.
        seconds: duration of what is encoded.
        sounds: a few words of how it sounds, or "".
        text: what the recording says, or "".
        language: tag of that text, or "".
        symbols: phonemes of that text, where they were timed.
        times: [P + 1] seconds at which each begins and the last one ends.
    """

    name: str
    codes: Int[Tensor, "F Q"]
    codec: CodecIdentity
    seconds: float
    sounds: str = ""
    text: str = ""
    language: str = ""
    symbols: tuple[str, ...] = ()
    times: tuple[float, ...] = ()

    def require(self, codec: CodecIdentity) -> None:
        """Raises `UserError` unless the codes are those of this codec."""
        if self.codec != codec:
            raise UserError(
                f"the voice '{self.name}' was encoded by codec {describe(self.codec)}, and this model speaks in codes "
                f"of {describe(codec)}. Add the recording again for this model: valle voices add {self.name} "
                f"RECORDING --model MODEL --replace"
            )

    def facts(self) -> dict[str, Any]:
        """All but the codes, as JSON has it."""
        return {
            "name": self.name,
            "sounds": self.sounds,
            "seconds": round(self.seconds, 3),
            "text": self.text,
            "language": self.language,
            "codec": to_dict(self.codec),
        }


class VoiceStore:
    """Saved voices in a folder, which several processes may share.

    Args:
        folder: theirs; it is made when a voice is added. None for the user's own, see `own_folder`.
    """

    def __init__(self, folder: PathLike | None = None) -> None:
        self.folder = own_folder() if folder is None else named(folder, "the folder of voices")
        if self.folder.exists() and not self.folder.is_dir():
            raise UserError(f"the folder of voices '{self.folder}' is a file; name a folder")

    def names(self) -> tuple[str, ...]:
        """The names, sorted."""
        with self._with_reason("read"):
            found = [path.name.removesuffix(ENDING) for path in self.folder.glob(f"*{ENDING}")]
        return tuple(sorted(name for name in found if _NAME.fullmatch(name)))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(_NAME.fullmatch(name)) and self._path(name).is_file()

    def read(self, name: str) -> SavedVoice:
        """The voice of a name. Raises `UserError` where there is none, or its file is damaged."""
        if name not in self:
            raise UserError(self._missing(name))
        return read_voice(self._path(name), name)

    def readable(self) -> Iterator[SavedVoice]:
        """All that can be read, by name; damaged ones are left out."""
        for name in self.names():
            with suppress(UserError):
                yield self.read(name)

    def add(self, voice: SavedVoice, *, replace: bool = False) -> None:
        """Keep a voice. Raises `UserError` for a taken name, unless `replace`, or a place that is not writable."""
        check_name(voice.name)
        with self._locked():
            for left in self.folder.glob(".*.tmp"):  # of an adding that was killed: who writes holds the lock
                left.unlink(missing_ok=True)
            if voice.name in self and not replace:
                raise UserError(f"there is a voice '{voice.name}' already; choose another name, or --replace it")
            write_voice(self._path(voice.name), voice)

    def remove(self, *names: str) -> None:
        """Forget voices. Raises `UserError` where one is not there; then all stay."""
        for name in names:
            if name not in self:
                raise UserError(self._missing(name))
        with self._locked(), self._with_reason("changed"):
            for name in names:
                self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{ENDING}"

    def _missing(self, name: str) -> str:
        names = self.names()
        there = f"Choose one of: {', '.join(names)}" if names else "None is saved: valle voices add NAME RECORDING"
        return f"there is no saved voice '{name}' in '{self.folder}'. {there}"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among those who write. The lock is the system's, so it goes with the process that holds it."""
        from filelock import FileLock, Timeout

        with self._with_reason("written to"):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / ".lock", timeout=WAIT_SECONDS)
            try:
                lock.acquire()
            except Timeout:
                raise UserError(
                    f"the voices in '{self.folder}' are being changed by another process for {WAIT_SECONDS:g} s. "
                    f"Run it again later"
                ) from None
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _with_reason(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(
                f"the folder of voices '{self.folder}' cannot be {what}: {error.strerror or 'its disk fails'}. Name "
                f"another one: --voices FOLDER"
            ) from error


def own_folder() -> Path:
    """`valle/voices` in $XDG_DATA_HOME, else in ~/.local/share."""
    try:
        home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    except RuntimeError:
        raise UserError("this user has no home folder to keep voices in. Name one: --voices FOLDER") from None
    return Path(home) / "valle" / "voices"


def check_name(name: str) -> str:
    """The name. Raises `UserError` unless it is one that a voice may have."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UserError(
            f"the name of a voice must be 1 to 64 of the characters a-z, 0-9, '-' and '_', beginning with a letter or "
            f"a digit, got {name!r:.80}"
        )
    return name


def write_voice(path: Path, voice: SavedVoice) -> None:
    """Write the file of a voice; it appears whole or not at all. Raises `UserError` where it cannot be written."""
    import torch
    from safetensors.torch import save_file

    about = asdict(voice) | {"format_version": 1, "codec": to_dict(voice.codec)}
    del about["codes"]
    kind = torch.int16 if voice.codec.codebook_size <= 1 << 15 else torch.int32
    with replacing(path) as temporary:
        save_file({"codes": voice.codes.to(kind).contiguous()}, temporary, {"voice": json.dumps(about)})


def read_voice(path: Path, name: str = "") -> SavedVoice:
    """The voice in a file, under `name` or the one it was exported with.

    Raises:
        UserError: the file cannot be read, or what it holds is not a voice.
    """
    try:
        if regular(path).stat().st_size > LARGEST:
            raise ValueError(f"a voice has at most {LARGEST} bytes")
        tensors, written = map_tensors(path)
        if "voice" not in written:
            raise ValueError("it does not describe a voice")
        about = loads(written["voice"])
        check_kinds(about, _KINDS)
        if about["format_version"] != 1:
            raise ValueError(f"format_version must be 1, got {about['format_version']}")
        codec = from_dict(about["codec"], str(path))
        with damage_named():
            codes = tensors["codes"]
            check_codes(codes, num_levels=codec.num_levels, codebook_size=codec.codebook_size, what="the voice")
            if codes.ndim != 2 or not len(codes):
                raise ValueError(f"its codes must be [frames, {codec.num_levels}], got {list(codes.shape)}")
        if len(about["times"]) != (len(about["symbols"]) + 1 if about["symbols"] else 0):
            raise ValueError(f"{len(about['symbols'])} phonemes cannot have {len(about['times'])} times")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"'{path}' is not a readable voice ({why}). Add the recording again") from None
    return SavedVoice(
        name=name or check_name(about["name"]),
        codes=codes.long().clone(),
        codec=codec,
        seconds=float(about["seconds"]),
        sounds=about["sounds"],
        text=about["text"],
        language=about["language"],
        symbols=tuple(about["symbols"]),
        times=tuple(map(float, about["times"])),
    )
