"""Processors in the order given, then one chooser."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float, Int
from torch import Tensor

from valle_core.interfaces import Chooser, Filler, Processor, Sampler, SamplerView, Search
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

    Attributes:
        search: the sampler at its end that looks for whole answers, or None.
        filler: the sampler at its end that fills answers of known lengths, or None.
    """

    __slots__ = ("_chooser", "_processors", "filler", "search")

    def __init__(self, samplers: Sequence[Sampler], names: Sequence[str] = (), *, no_search: str = "") -> None:
        """
        Args:
            samplers: in the order they are applied.
            names: what the user calls them; their classes' names if left out.
            no_search: why no `Search` or `Filler` may end it, or "".

        Raises:
            UserError: anything but a processor stands anywhere but last, or something is no sampler.
        """
        names = names or [type(sampler).__name__ for sampler in samplers]
        for place, (sampler, name) in enumerate(zip(samplers, names, strict=True)):
            if not isinstance(sampler, (Processor, Chooser, Search, Filler)):
                raise UserError(f"{name} is not a sampler: it has neither process nor choose, search or fill")
            whole = isinstance(sampler, (Search, Filler))
            if whole and no_search:
                raise UserError(f"sampler {name} looks for whole answers, {no_search}")
            if not isinstance(sampler, Processor) and place + 1 < len(samplers):
                does = "looks for the whole answer" if whole else "picks the token"
                fix = f"Put {name} last" if isinstance(samplers[place + 1], Processor) else "Leave one of the two out"
                raise UserError(f"sampler {name} {does}, so {names[place + 1]} cannot follow it. {fix}")
        last = samplers[-1] if samplers else None
        self._processors = tuple(sampler for sampler in samplers if isinstance(sampler, Processor))
        self._chooser: Chooser = last if isinstance(last, Chooser) else Categorical()
        self.search = last if isinstance(last, Search) else None
        self.filler = last if isinstance(last, Filler) else None

    def __call__(self, logits: Float[Tensor, "B V"], view: View) -> Int[Tensor, "B"]:
        """One token per row; −inf is never picked. The caller appends it to the view."""
        logits = self.process(logits, view)
        view.enter(len(self._processors))
        return self._chooser.choose(logits, view)

    def searching(self, search: Search) -> SamplerChain:
        """With this search at its end."""
        return SamplerChain([*self._processors, search])

    def process(self, logits: Float[Tensor, "B V"], view: View) -> Float[Tensor, "B V"]:
        """What the processors leave."""
        for index, processor in enumerate(self._processors):
            view.enter(index)
            logits = processor.process(logits, view)
        return logits


def refuse_other_samplers(masked: float, chain: SamplerChain, seconds: Sequence[float] = ()) -> None:
    """Raises `UserError` where the end of the chain is not made for a level 0 of which this share was masked, or
    durations are asked for that it does not keep."""
    if chain.filler is not None and not masked:
        raise UserError("sampler masked needs a masked level 0; leave it out, or train with --model.masked 0.5")
    if chain.filler is None and masked == 1:
        raise UserError("level 0 of the model is masked only, and is not said token by token; choose --sampler masked")
    if chain.filler is None and any(seconds):
        raise UserError("only speech that is filled in place takes a duration; add --sampler masked, or leave it out")
