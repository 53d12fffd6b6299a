"""What a synthesizer is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from jaxtyping import Float, Int
from torch import Tensor

from valle_core.interfaces import Codec, Frontend, SamplerView, Task
from valle_core.model.codec_lm import CodecLM
from valle_core.plugin import UserError
from valle_core.registry.hooks import Observers
from valle_core.synthesis.autoregressive import Decoded
from valle_core.synthesis.guidance import UNGUIDED, Guidance
from valle_core.synthesis.prompt import Prompts
from valle_core.synthesis.request import Request
from valle_core.synthesis.sampling.chain import SamplerChain
from valle_core.text.symbols import SymbolMap
from valle_core.types import TaskInputs

TextReader = Callable[[str, str, Frontend, SymbolMap], tuple[str, ...]]
"""Text, language, frontend and the model's symbols → what the model reads. `valle_language.phonemic.symbols_of` is one
that takes phonemes in `[[ ]]`."""


class Safeguards(Protocol):
    """Ends answers that no longer say anything; `valle_kit.safeguards.Safeguards` is one, and says what each does."""

    def bound(self, most: int, phonemes: int) -> int: ...
    def guide(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Float[Tensor, "B V"]: ...
    def verdict(self, tokens: Int[Tensor, "F"]) -> tuple[int, str]: ...
    def quiet_end(self, wav: Float[Tensor, "N"], sample_rate: int) -> tuple[int, str]: ...


class FillsLevel0(Protocol):
    """Level 0 in place, by a chain that ends in a `Filler`; `valle_kit.masked.fill_level0` is one."""

    def __call__(
        self,
        components: SynthesisComponents,
        inputs: Sequence[TaskInputs],
        seconds: Sequence[float],
        bounds: Sequence[int],
        seeds: Int[Tensor, "B"],
    ) -> tuple[Decoded, Sequence[Float[Tensor, "P_plus_1"] | None]]:
        """Codes, and when each symbol is said where the model has an alignment, of rows that last `seconds` (0: as the
        alignment says) and no longer than `bounds` frames."""
        ...


def read_words(text: str, language: str, frontend: Frontend, known: SymbolMap) -> tuple[str, ...]:
    """What the frontend makes of the text. Raises `UserError` for phonemes in `[[ ]]`."""
    if "[[" in text:
        raise UserError(
            f"{text!r} has phonemes in [[ ]]. Open the synthesizer with a reader for them: "
            "read_text=valle_language.phonemic.symbols_of"
        )
    return tuple(frontend.phonemize(text, language).symbols)


@dataclass(frozen=True, kw_only=True, slots=True)
class SynthesisComponents:
    """What a synthesizer is made of; built by `valle_core.synthesis.open.open_synthesizer`.

    Attributes:
        ar: model that predicts level 0.
        nar: model that predicts the other levels; may be the same object.
        symbols: both models' symbol map.
        languages: both models' language tags.
        codec: both models' codec.
        frontend: text → phonemes.
        task: composes the rows.
        chain: samplers of level 0.
        nar_chain: samplers of the other levels.
        observers: the `after_audio` hooks.
        prompts: what the model was trained on, and what is accepted.
        read_text: text → symbols, by the frontend.
        speed: speaking rate, for a model with an alignment.
        steady: whether its durations are the usual ones instead of drawn.
        expected: levels ≥ 1 are decoded as the expected sum of their codebook vectors, not as the chosen codes.
        safeguards: what ends answers that are stuck, or None.
        fill: what fills level 0 in place, or None.
        max_context: see `SynthesisOptions`.
        guidance: of level 0.
        nar_guidance: of the other levels.
        drafts, unchecked: see `SynthesisOptions`.
        lengths: says how many seconds answers of level 0 last that are filled in place, or None.
        takes: words that the task's spec declares.
        task_name: of the task, for messages.
    """

    ar: CodecLM
    nar: CodecLM
    symbols: SymbolMap
    languages: tuple[str, ...]
    codec: Codec
    frontend: Frontend
    task: Task
    chain: SamplerChain
    nar_chain: SamplerChain
    observers: Observers
    prompts: Prompts = field(default_factory=Prompts)
    read_text: TextReader = read_words
    speed: float = 1.0
    steady: bool = False
    expected: bool = False
    safeguards: Safeguards | None = None
    fill: FillsLevel0 | None = None
    max_context: int = 0
    guidance: Guidance = UNGUIDED
    nar_guidance: Guidance = UNGUIDED
    drafts: int = 0
    unchecked: bool = False
    lengths: Callable[[Sequence[Request]], list[float]] | None = None
    takes: frozenset[str] = frozenset({"codes"})
    task_name: str = "tts"
