"""The backbone both archs share: pre-norm layers around a mixer, over the core's masks and a cache of constant size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from valle_core.plugin import UserError
from valle_core.types import BackboneOutput, PackedMask, SequenceMask
from valle_kit.compiled_steps import CompiledSteps
from valle_mamba.cache import MambaCache, Memory
from valle_mamba.engine import Engine
from valle_mamba.mamba import MambaMixer
from valle_mamba.mamba2 import Direction, GatedNorm, Mamba2Mixer
from valle_mamba.merge import Merge
from valle_mamba.options import Mamba2Options, MambaOptions
from valle_mamba.reading import Reading, reading_of
from valle_mamba.sizes import MambaSizes, Sizes

if TYPE_CHECKING:
    from valle_kit.stepping.step import CompiledStep


class Layer(nn.Module):
    """Norm, mixer, residual."""

    def __init__(self, sizes: Sizes, engine: Engine, dropout: float, *, bidirectional: bool) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(sizes.d_model, eps=sizes.norm_eps)
        if isinstance(sizes, MambaSizes):
            self.mixer = MambaMixer(sizes, engine, bidirectional=bidirectional)
        else:
            self.mixer = Mamba2Mixer(sizes, engine, bidirectional=bidirectional)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "B T D"], reading: Reading, memory: Memory | None = None
    ) -> Float[Tensor, "B T D"]:
        return x + self.dropout(self.mixer(self.norm(x), reading, memory))

    def step(self, x: Float[Tensor, "B D"], memory: Memory) -> Float[Tensor, "B D"]:
        """One position of every row, without dropout."""
        return x + self.mixer.step(self.norm(x), memory)


class MambaBackbone(CompiledSteps, nn.Module):
    """Layers and final norm; parameters are named as in transformers' MambaModel and Mamba2Model minus `embeddings`,
    plus `mixer.reverse` and `mixer.merge` for the second direction, which causal rows never touch.

    Satisfies `valle_core.interfaces.Backbone`. Order is that of the places; `positions` and `condition` are ignored.
    With `bidirectional=False` full and prefix rows are read one way only. A cache is for inference: no gradient
    passes through it.
    """

    mask_forms = frozenset({"causal", "full", "mixed", "packed", "prefix"})
    plain = frozenset({Layer, Mamba2Mixer, GatedNorm, Direction, Merge, nn.RMSNorm, nn.Conv1d})

    portable: MambaOptions | Mamba2Options | None = None
    """Options that say its sizes without the weights they were read from; set where it was built from such."""

    def __init__(
        self,
        sizes: Sizes,
        *,
        engine: Engine,
        dropout: float = 0.0,
        gradient_checkpointing: bool = False,
        bidirectional: bool = True,
    ) -> None:
        super().__init__()
        self.sizes = sizes
        self.d_model, self.n_layers, self.max_length = sizes.d_model, sizes.n_layers, sizes.max_length
        self.gradient_checkpointing, self.bidirectional = gradient_checkpointing, bidirectional
        self.layers = nn.ModuleList(
            Layer(sizes, engine, dropout, bidirectional=bidirectional) for _ in range(sizes.n_layers)
        )
        self.norm_f = nn.RMSNorm(sizes.d_model, eps=sizes.norm_eps)
        self._initialise()

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        positions: Int[Tensor, "B T"],
        *,
        condition: Float[Tensor, "R C"] | None = None,
        cache: MambaCache | None = None,
        layers: Sequence[int] | None = None,
        keep: Sequence[int] = (),
    ) -> BackboneOutput:
        T = x.shape[1]
        chosen = self._checked(layers)
        self._refuse(mask, T, cache)
        fresh = cache is not None and cache.extent == 0
        if cache is not None and isinstance(mask, SequenceMask):
            cache.reserve(mask, T)
            if T == 1 and mask.form == "causal" and not mask.padded and self._plain():
                return self._stepped(x, mask, chosen, cache, keep)
        reading = reading_of(mask, T, bidirectional=self.bidirectional, cached=cache is not None)
        new = None
        if reading.valid is not None:
            x = x.masked_fill(~reading.valid.unsqueeze(-1), 0.0)
            new = reading.valid.sum(1)
        twice = self.gradient_checkpointing and self.training and torch.is_grad_enabled() and cache is None
        kept: dict[int, Tensor] = {}
        for index in chosen:
            if twice:
                x = checkpoint(self.layers[index], x, reading, use_reentrant=False)
            else:
                x = self.layers[index](x, reading, None if cache is None else cache.memory(index, new, fresh=fresh))
            if index in keep:
                kept[index] = x
        if cache is not None and isinstance(mask, SequenceMask):
            cache.lengths = mask.lengths.clone()
        return BackboneOutput(h=x, kept=kept)

    def step(self, x: Float[Tensor, "B 1 D"], cache: MambaCache) -> Float[Tensor, "B D"]:
        """Append one position to every row and return its finished state: forward, then finish, in one go."""
        found = self.compiled_step(x, cache)
        if found is not None:
            return found
        if not self._plain():
            start = cache.lengths
            mask = SequenceMask(
                lengths=start + 1, prefix=torch.zeros_like(start), query_start=start, form="causal", padded=False
            )
            return self.finish(self(x, mask, start[:, None], cache=cache).h[:, 0])
        cache.grow()
        self._check_length(cache.extent)
        h = x[:, 0]
        for index in range(self.n_layers):
            h = self.layers[index].step(h, cache.memory(index))
        cache.lengths = cache.lengths + 1
        return self.norm_f(h)

    @property
    def step_arch(self) -> str:
        return self.sizes.arch

    def step_modules(self) -> Iterable[nn.Module]:
        return (*self.layers, self.norm_f)

    def listed_step(self, rows: int, capacity: int) -> CompiledStep:
        from valle_mamba.program import step_of

        return step_of(self, rows, capacity)

    def portable_options(self) -> Mapping[str, Any]:
        """What a checkpoint keeps in place of a folder of weights; nothing where there was none."""
        return asdict(self.portable) if self.portable else {}

    def finish(self, h: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows D"]:
        return self.norm_f(h)

    def new_cache(self, batch: int, max_length: int, dtype: torch.dtype, device: torch.device) -> MambaCache:
        self._check_length(max_length)
        return MambaCache(self.sizes, batch, max_length, dtype, device)

    def _initialise(self) -> None:
        """Projections of variance 1 / fan-in, so that the products u · B · C do not vanish; what ends a residual branch
        divided by √layers (GPT-2, as in the paper's code)."""
        for name, module in self.named_modules():
            if name.endswith(("in_proj", "x_proj")):
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
            elif name.endswith("out_proj"):
                module.weight.data.div_(self.n_layers**0.5)

    def _plain(self) -> bool:
        """Whether states may be written in place and no layer drops anything."""
        return not self.training and not torch.is_grad_enabled()

    def _stepped(
        self, x: Tensor, mask: SequenceMask, chosen: Sequence[int], cache: MambaCache, keep: Sequence[int]
    ) -> BackboneOutput:
        h, kept = x[:, 0], {}
        for index in chosen:
            h = self.layers[index].step(h, cache.memory(index))
            if index in keep:
                kept[index] = h[:, None]
        cache.lengths = mask.lengths.clone()
        return BackboneOutput(h=h[:, None], kept=kept)

    def _checked(self, layers: Sequence[int] | None) -> Sequence[int]:
        if layers is None:
            return range(self.n_layers)
        for index in layers:
            if not 0 <= index < self.n_layers:
                raise UserError(f"layers: there is no layer {index}, choose among 0 … {self.n_layers - 1}")
        return layers

    def _refuse(self, mask: SequenceMask | PackedMask, T: int, cache: MambaCache | None) -> None:
        arch = self.sizes.arch
        if isinstance(mask, PackedMask):
            if cache is not None:
                raise UserError(f"arch '{arch}' takes no cache with packed segments; give it rows")
            if self.max_length is not None and self.max_length < T:
                self._check_length(int(mask.offsets.diff().max()))
            return
        if mask.window is not None or mask.tree is not None:
            form = "window" if mask.window is not None else "tree"
            raise UserError(f"arch '{arch}' has no '{form}' masks; it takes {', '.join(sorted(self.mask_forms))}")
        if cache is None:
            self._check_length(T)
        elif self.max_length is not None and cache.capacity > self.max_length:
            self._check_length(cache.capacity)

    def _check_length(self, length: int) -> None:
        if self.max_length is not None and length > self.max_length:
            raise UserError(
                f"arch '{self.sizes.arch}' was built for at most {self.max_length} positions and got {length}; "
                "shorten the input or raise max_length"
            )
