"""What a draft must be able to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Draft(Protocol):
    """Says several frames of level 0 a step; an `nn.Module`, whose weights are the model's.

    Factory: `(options, *, d_model: int, n_layers: int) → Draft`. A model may have an alignment and any backbone; what
    it cannot do without is in the spec's `needs`.

    Attributes:
        needed: whether the model cannot be decoded without it, so that who exports level 0 alone has to refuse.
    """

    needed: bool

    def around(self, model: Any, batch: Any, targets: Any) -> Callable[..., Any]:
        """What is called in place of `model.backbone(x, mask, positions, condition=…)` for this batch.

        In training its losses are among those of the backbone's output, weighted already, each a mean over all
        predicted positions of the batch. `targets` is what `Alignment.losses` takes, or None.
        """
        ...

    def notice(self, options: Any, searching: bool) -> str:
        """What a user of these `SynthesisOptions` should know before anything is spoken, or "". `searching`: the last
        sampler looks for whole answers. Raises `UserError` where they do not go with the draft."""
        ...

    def decode(self, model: Any, walk: Any, parts: Any, batch: Any, *given: Any, **more: Any) -> Any:
        """As `valle_core.synthesis.autoregressive.decode(*given, **more)` of this model.

        `walk` is that of its alignment, or None; `parts` are the `SynthesisComponents`, of which `drafts` and
        `unchecked` are meant for it; `batch` is the prompts, as `around` gets them. A draft that checks gives the codes
        of `decode` unless it is told to leave them unchecked.
        """
        ...
