"""What a model follows: a recording, codes, a voice of its box, or one that the user keeps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from valle.boxes import VoiceBox
from valle.options import PathLike
from valle.voices import SavedVoice, VoiceStore
from valle_core.plugin import UserError

if TYPE_CHECKING:
    from jaxtyping import Int
    from torch import Tensor


def prompt_of(
    box: VoiceBox | None, voice: str, prompt: Path | Int[Tensor, "F Q"] | None, saved: PathLike | None = None
) -> Path | Int[Tensor, "F Q"] | SavedVoice | None:
    """The prompt, or the voice of a name; without either the first voice of the box.

    A name of the box counts before a saved one.

    Args:
        box: of the model, or None for a run.
        voice: name, or "".
        prompt: recording or codes.
        saved: folder of saved voices; None for the user's own.

    Raises:
        UserError: both a prompt and a voice, or a name that neither the box nor the folder has.
    """
    if voice and prompt is not None:
        raise UserError(f"both a prompt and the voice '{voice}' are given; give one")
    if not voice:
        return prompt if box is None or prompt is not None else box.prompt()
    if box is not None and voice in box.voices:
        return box.prompt(voice)
    names, store = [*(box.voices if box else ())], opened(saved)
    if store is not None:
        if voice in store:
            return store.read(voice)
        names += [name for name in store.names() if name not in names]
    if not names:
        raise UserError(f"there is no voice '{voice}', for none is saved. Give a prompt, or keep it: valle voices add")
    raise UserError(f"there is no voice '{voice}'. Choose one of: {', '.join(names)}")


def opened(saved: PathLike | None) -> VoiceStore | None:
    """The store in a folder; None where the user's own is meant and there is no place for it."""
    try:
        return VoiceStore(saved)
    except UserError:
        if saved is not None:
            raise
        return None
