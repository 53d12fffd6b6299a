"""Processors in the order given, then one chooser."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float, Int
from torch import Tensor

from valle_core.interfaces import Chooser, Processor, Sampler, SamplerView
from valle_core.plugin import UserError
from valle_core.synthesis.sampling.view import View


def refuse_undefined(logits: Float[Tensor, "B V"], what: str) -> None:
    """Raises `UserError` where a row of logits holds NaN or is infinite: every sampler would give the same token.

    It waits for the device.
    """
    if not bool(logits.amax(dim=-1).isfinite().all()):
        raise UserError(
            f"the model's logits of {what} are not numbers (NaN or infinite); "
            "use another checkpoint, or --dtype float32 if it was another"
        )


class Categorical:
    """Ends a chain without a chooser: one draw per row from what the processors left."""

    __slots__ = ()

    def choose(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Int[Tensor, "B"]:
        # Counts in units of 2⁻⁴⁰ make the cumulative sum exact in every order of summation, hence at every batch size.
        counts = (logits.double().softmax(dim=-1) * 2.0**40).long().cumsum(dim=-1)  # [B, V]
        target = (view.uniform()[:, None] * counts[:, -1:]).long()
        return (counts <= target).sum(dim=-1)


class SamplerChain:
    """Logits become tokens. Without a chooser the last step draws from the distribution (`Categorical`).

    Stateless: what lasts between steps lives in the `View`, so one chain serves many batches.
    """

    __slots__ = ("_chooser", "_processors")

    def __init__(self, samplers: Sequence[Sampler]) -> None:
        """
        Raises:
            UserError: a chooser stands anywhere but last, or something is no sampler.
        """
        processors: list[Processor] = []
        chooser: Chooser | None = None
        for sampler in samplers:
            name = type(sampler).__name__
            if chooser is not None:
                first = type(chooser).__name__
                raise UserError(f"sampler {first} picks the token, so {name} cannot follow it. Put {first} last")
            if isinstance(sampler, Processor):
                processors.append(sampler)
            elif isinstance(sampler, Chooser):
                chooser = sampler
            else:
                raise UserError(f"{name} is not a sampler: it has neither process nor choose")
        self._processors = tuple(processors)
        self._chooser: Chooser = Categorical() if chooser is None else chooser

    def __call__(self, logits: Float[Tensor, "B V"], view: View) -> Int[Tensor, "B"]:
        """One token per row; −inf is never picked. The caller appends it to the view."""
        for index, processor in enumerate(self._processors):
            view.enter(index)
            logits = processor.process(logits, view)
        view.enter(len(self._processors))
        return self._chooser.choose(logits, view)
