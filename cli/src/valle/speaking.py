"""What the methods of `valle.Speaker` stand on, whichever file they are in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from torch import Tensor

from valle.asking import Followed
from valle.samplers import Samplers
from valle_core.synthesis.synthesizer import Synthesizer


class Speaking(ABC):
    """The parts of a speaker that its methods share."""

    __slots__ = ()

    synthesizer: Synthesizer

    @property
    @abstractmethod
    def languages(self) -> tuple[str, ...]: ...

    @abstractmethod
    def followed(self, voice: str, prompt: Path | Tensor | None = None, text: str = "") -> tuple[Followed, str]: ...

    @abstractmethod
    def at(self, sampler: Samplers | None = None, speed: float | None = None) -> Synthesizer: ...
