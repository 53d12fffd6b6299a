"""transformers' logits processors, as references of `bench sampler`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from valle_samplers.banned_tokens import BannedTokens
    from valle_samplers.epsilon import Epsilon
    from valle_samplers.eta import Eta
    from valle_samplers.length_penalty import LengthPenalty
    from valle_samplers.min_p import MinP
    from valle_samplers.repetition_penalty import RepetitionPenalty
    from valle_samplers.temperature import Temperature
    from valle_samplers.top_k import TopK
    from valle_samplers.top_p import TopP
    from valle_samplers.typical import Typical

Reference = Callable[["Int[Tensor, 'B L']", "Float[Tensor, 'B V']"], "Float[Tensor, 'B V']"]


def _theirs() -> Any:
    from transformers.generation import logits_process

    return logits_process


def temperature(sampler: Temperature) -> Reference:
    return _theirs().TemperatureLogitsWarper(sampler.t)


def top_k(sampler: TopK) -> Reference:
    return _theirs().TopKLogitsWarper(sampler.k)


def top_p(sampler: TopP) -> Reference:
    return _theirs().TopPLogitsWarper(sampler.p)


def min_p(sampler: MinP) -> Reference:
    return _theirs().MinPLogitsWarper(sampler.p)


def typical(sampler: Typical) -> Reference:
    return _theirs().TypicalLogitsWarper(sampler.p)


def epsilon(sampler: Epsilon) -> Reference:
    return _theirs().EpsilonLogitsWarper(sampler.epsilon)


def eta(sampler: Eta) -> Reference:
    return _theirs().EtaLogitsWarper(sampler.epsilon)


def repetition_penalty(sampler: RepetitionPenalty) -> Reference:
    return _theirs().RepetitionPenaltyLogitsProcessor(sampler.penalty)


def banned_tokens(sampler: BannedTokens) -> Reference:
    return _theirs().SuppressTokensLogitsProcessor(sampler.tokens)


def length_penalty(sampler: LengthPenalty) -> Reference:
    """The stop token is the last one."""
    made: list[Any] = []

    def process(history: Int[Tensor, "B L"], logits: Float[Tensor, "B V"]) -> Float[Tensor, "B V"]:
        if not made:
            rule = (sampler.start, sampler.factor)
            made.append(_theirs().ExponentialDecayLengthPenalty(rule, logits.shape[1] - 1, 0))
        return made[0](history, logits)

    return process
