"""The draft `grouped`: the backbone reads and answers groups of G frames (VALL-E 2, 2406.05370, section 3).

x_k, what the position that answers frame k reads (the code of frame k − 1, and what the alignment says of frame k), is
not read alone: W [x_{k−G+1}; …; x_k] is, for every k that is a multiple of G, so a row has G times fewer positions. The
state behind it answers frame k. Of the others in the group, `parallel` answers each by a layer of its own from that
state, blind to what the group says (the paper's G distributions); `recurrent` goes on from frame to frame by a
`Cell` that reads x_{k+1} …, so that a frame knows the codes before it and its place in the text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from valle_core.api import decode_autoregressive
from valle_core.plugin import UserError
from valle_core.types import BackboneOutput
from valle_draft.cell import Cell
from valle_draft.group_steps import GroupSteps
from valle_draft.groups import Groups
from valle_draft.options import GroupedOptions
from valle_draft.training import refuse_without_level0


class Grouped(nn.Module):
    """See `valle_draft.contracts.Draft`. A group of one frame has no weights and is the plain model."""

    def __init__(self, options: GroupedOptions, d_model: int) -> None:
        super().__init__()
        self.size, self.needed = options.size, options.size > 1
        if not self.needed:
            return
        self.joined = nn.Linear(self.size * d_model, d_model, bias=False)
        self.cell = Cell(d_model, options.width) if options.inside == "recurrent" else None
        apart = range(1, self.size) if options.inside == "parallel" else ()
        self.places = nn.ModuleList(nn.Linear(d_model, d_model, bias=False) for _ in apart)
        with torch.no_grad():  # it begins as a model that reads and repeats the last frame of each group
            self.joined.weight.zero_()
            self.joined.weight[:, -d_model:] = torch.eye(d_model)
            for place in self.places:
                nn.init.eye_(place.weight)

    def read(self, x: Float[Tensor, "R G D"]) -> Float[Tensor, "R D"]:
        """What the backbone reads for a group."""
        return self.joined(x.flatten(1))

    def inside(
        self, group: Float[Tensor, "R D"], before: Float[Tensor, "R D"], x: Float[Tensor, "R D"], place: int
    ) -> Float[Tensor, "R D"]:
        """See `valle_draft.group_steps.Inside`."""
        return self.places[place - 1](group) if self.cell is None else self.cell(before, x)

    def around(self, model: Any, batch: Any, targets: Any) -> Callable[..., Any]:
        """See `Draft.around`: the same in training and after it."""
        refuse_without_level0(model)
        if self.size == 1 or 0 not in batch.predicted:
            return model.backbone
        groups = Groups.of(batch, model.vocabulary, self.size)

        def run(x: Float[Tensor, "B T D"], mask: Any, positions: Any, *, condition: Tensor | None = None) -> Any:
            out = self._through(model.backbone, groups, batch, x, condition)
            h = self._answers(
                model.backbone, groups, batch.predicted[0].positions, out.h.flatten(0, 1), x.flatten(0, 1)
            )
            return BackboneOutput(h=h.view(x.shape), losses=out.losses, figures=out.figures)

        return run

    def _through(
        self,
        backbone: Any,
        groups: Groups,
        batch: Any,
        x: Float[Tensor, "B T D"],
        condition: Tensor | None,
        cache: Callable[[Int[Tensor, "R"]], Any] | None = None,
    ) -> BackboneOutput:
        """The groups through the backbone, and the state of each where its last position was; zeros elsewhere."""
        flat = x.flatten(0, 1)
        whole = groups.frames.nonzero().squeeze(1)
        members = flat[groups.members[whole]] * groups.present[whole][..., None]  # [W, G, D]
        read = flat[groups.last].index_copy(0, whole, self.read(members).to(flat.dtype))
        given = groups.laid_out(read, batch)
        more = {} if cache is None else {"cache": cache(groups.lengths)}
        out = backbone(*given, condition=condition, **more)
        h = torch.zeros_like(flat, dtype=out.h.dtype).index_copy(0, groups.last, groups.states(out.h, batch))
        return BackboneOutput(h=h.view(x.shape), losses=out.losses, figures=out.figures)

    def _answers(
        self,
        backbone: Any,
        groups: Groups,
        answered: Int[Tensor, "K"],
        h: Float[Tensor, "N D"],
        x: Float[Tensor, "N D"],
    ) -> Float[Tensor, "N D"]:
        """With the states of the frames inside of groups."""
        place_of = groups.frame[answered] % self.size
        for place in range(1, self.size):
            here = answered[place_of == place]
            group, before = (backbone.finish(h[here - back]) for back in (place, 1))
            h = h.index_copy(0, here, self.inside(group, before, x[here], place).to(h.dtype))
        return h

    def notice(self, options: Any, searching: bool) -> str:
        """See `Draft.notice`."""
        if options.drafts or options.unchecked:
            flag = "--drafts" if options.drafts else "--unchecked"
            flag = "--drafts and --unchecked" if options.drafts and options.unchecked else flag
            raise UserError(f"--draft grouped drafts nothing: all frames are decoded in groups; leave {flag} out")
        if options.max_context and self.needed:
            raise UserError("--max-context reads an answer frame by frame, which --draft grouped cannot; leave it out")
        return ""

    def decode(
        self, model: Any, walk: Any, parts: Any, batch: Any, backbone: Any, prompted: Any, *given: Any, **more: Any
    ) -> Any:
        """See `Draft.decode`. Raises `UserError` as `notice` does."""
        self.notice(parts, False)
        if not self.needed:
            return decode_autoregressive(backbone, prompted, *given, **more)
        groups = Groups.of(batch, model.vocabulary, self.size)

        def prompt(x: Tensor, cache: Callable[[Tensor], Any], condition: Tensor | None) -> Tensor:
            return self._through(backbone, groups, batch, x, condition, cache).h

        steps = GroupSteps(backbone, prompt, self.read, self.inside, self.size)
        return replace(decode_autoregressive(steps, prompted, *given, **more), steps=steps.steps)


def build(options: GroupedOptions, *, d_model: int, n_layers: int) -> Grouped:
    """Factory of the registry entry `grouped`."""
    return Grouped(options, d_model)
