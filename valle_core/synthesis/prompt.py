"""A recording of the voice → prompt codes, of a length the model was trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.audio import wav as audio
from valle_core.interfaces import Codec
from valle_core.plugin import UserError
from valle_core.synthesis.request import Encoded
from valle_core.types import PromptRange

MIN_SECONDS = 0.2
_NEAR = 0.05
"""Seconds by which a prompt may miss the range without being named."""


CutsAudio: TypeAlias = Callable[[Float[np.ndarray, "N"], int, PromptRange], tuple[Float[np.ndarray, "M"], str]]
"""(samples, rate, trained prompts) → the beginning, not longer than these, and where it ends, as "in a pause"."""


def at_the_bound(wav: Float[np.ndarray, "N"], rate: int, trained: PromptRange) -> tuple[Float[np.ndarray, "M"], str]:
    """`CutsAudio` that looks for no pause; `valle_kit.pauses.cut_at_pause` does."""
    return wav[: int(trained.longest * rate)], "without looking for a pause"


class LoadsAudio(Protocol):
    """Reads a recording, as `valle_core.audio.wav.load` does; a stricter one may refuse more."""

    def __call__(
        self, path: Path, sample_rate: int, *, min_seconds: float, max_seconds: float | None
    ) -> Float[np.ndarray, "N"]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompts:
    """What a model knows of prompts.

    Attributes:
        trained: those it was trained on, or None where its checkpoint does not say.
        continues: whether its answer goes on where the prompt ends.
        max_seconds: longest recording that is accepted.
        load, cut: how recordings are read, and cut where they are longer.
    """

    trained: PromptRange | None = None
    continues: bool = False
    max_seconds: float = 30.0
    load: LoadsAudio = audio.load
    cut: CutsAudio = at_the_bound

    def remark(self, seconds: float | None) -> str:
        """What is wrong with a prompt of this length (None: no prompt), or ""."""
        trained = self.trained
        if trained is None or (seconds is None and trained.none):
            return ""
        if seconds is None:
            return "there is no prompt, and the model was never trained without one: give it a recording of a voice"
        if trained.shortest - _NEAR <= seconds <= trained.longest + _NEAR:
            return ""
        length = f"the prompt lasts {seconds:.1f} s, and the model was trained on prompts of {trained}"
        if seconds < trained.shortest:
            return f"{length}; a longer one may be followed better"
        return f"{length}; give a shorter recording, and the words of that" if self.continues else length


def encode_prompt(path: Path, codec: Codec, prompts: Prompts, *, device: torch.device, what: str = "prompt") -> Encoded:
    """Codes, on the CPU, of an audio file at any rate, downmixed and resampled, and a remark for the user or "".

    What is longer than the model was trained on is cut, unless its words are given with it. `device` is the
    codec's, `what` how messages call the file.

    Raises:
        UserError: unreadable, empty, shorter than 0.2 s or longer than `prompts.max_seconds`.
    """
    wav = prompts.load(path, codec.sample_rate, min_seconds=MIN_SECONDS, max_seconds=prompts.max_seconds)
    if not wav.any():
        raise UserError(f"{what} '{path}' is silent; give a recording of a voice")
    remark = prompts.remark(len(wav) / codec.sample_rate)
    if remark and prompts.trained and not prompts.continues and len(wav) > prompts.trained.longest * codec.sample_rate:
        wav, place = prompts.cut(wav, codec.sample_rate, prompts.trained)
        remark += f": cut {place} at {len(wav) / codec.sample_rate:.1f} s"
    row = torch.from_numpy(wav)[None].to(device)
    codes, frames = codec.encode(row, torch.tensor([row.shape[1]], device=device))
    return Encoded(codes[0, : int(frames[0])].cpu(), remark)


def fitting_codes(codes: Int[Tensor, "F Q"], frame_rate: float, prompts: Prompts) -> Encoded:
    """The same for a prompt that is given as codes: where it pauses is not known, so it is cut at the bound."""
    remark, trained = prompts.remark(len(codes) / frame_rate), prompts.trained
    most = len(codes) if trained is None or prompts.continues else max(1, round(trained.longest * frame_rate))
    if remark and len(codes) > most:
        codes, remark = codes[:most], f"{remark}: cut at {most / frame_rate:.1f} s"
    return Encoded(codes, remark)
