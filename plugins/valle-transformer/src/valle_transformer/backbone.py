"""The `transformer` backbone: positions, layers, final norm."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask
from valle_kit.ahead import through_layers
from valle_kit.attention_stack.stack import AttentionStack, StackSizes
from valle_kit.compiled_steps import CompiledSteps
from valle_kit.key_value_cache import SteppedKeyValueCache
from valle_transformer.layers import AdaptiveNorm, Attention, Layer
from valle_transformer.options import TransformerOptions
from valle_transformer.positions import SinusoidalPositions

if TYPE_CHECKING:
    from valle_kit.stepping.step import CompiledStep


class TransformerBackbone(AttentionStack):
    """See `valle_core.interfaces.Backbone`. With packed segments `condition` may also have one line per segment.

    Positions are added by the call that runs layer 0, so a second call with the later layers continues from the
    states of the first.
    """

    def __init__(self, options: TransformerOptions, kernel: AttentionKernel) -> None:
        sizes = StackSizes(
            d_model=options.d_model,
            n_layers=options.n_layers,
            n_kv_heads=options.n_heads,
            head_dim=options.d_model // options.n_heads,
            max_length=options.max_length,
        )
        super().__init__("transformer", sizes, kernel, gradient_checkpointing=options.gradient_checkpointing)
        self.options = options
        self.positions = SinusoidalPositions(options.max_length, options.d_model)
        self.layers = nn.ModuleList(Layer(options, kernel) for _ in range(options.n_layers))
        self.norm = nn.LayerNorm(options.d_model)
        self._initialise()

    @property
    def needs_condition(self) -> bool:
        """Whether every call has to have one."""
        return self.options.adaptive_norm

    def enter(self, x: Float[Tensor, "B T D"], positions: Int[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        x = self.positions(x, positions)
        return functional.dropout(x, self.options.dropout) if self.training and self.options.dropout else x

    def shared(
        self,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        positions: Int[Tensor, "B T"],
        condition: Float[Tensor, "R C"] | None,
    ) -> Float[Tensor, "..."] | None:
        """The condition of adaptive norms: [B, 1, D], or [1, N, D] from one line per segment."""
        if not self.options.adaptive_norm:
            return None
        if condition is None:
            raise UserError("arch.adaptive_norm is on and the model gives no condition; switch it off")
        if isinstance(mask, PackedMask) and condition.shape[0] > 1:
            return condition.repeat_interleave(mask.offsets.diff(), dim=0)[None]
        return condition[:, None]

    def _initialise(self) -> None:
        """Matrices of variance 1/(3 · fan-in), those that end a residual branch divided by √(2 · layers) (GPT-2)."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=(3 * module.in_features) ** -0.5)
                nn.init.zeros_(module.bias)
        for module in self.modules():
            if isinstance(module, Layer):
                for end in (module.attention.out, module.down):
                    end.weight.data.mul_((2 * self.n_layers) ** -0.5)
            elif isinstance(module, AdaptiveNorm) and module.modulation is not None:
                nn.init.zeros_(module.modulation.weight)


class SteppingTransformer(CompiledSteps, TransformerBackbone):
    """The one whose norms follow no condition, which therefore steps without one."""

    cache_type = SteppedKeyValueCache
    plain = frozenset({Layer, Attention, AdaptiveNorm, nn.LayerNorm, SinusoidalPositions})
    step_arch = "transformer"

    def step(self, x: Float[Tensor, "B 1 D"], cache: SteppedKeyValueCache) -> Float[Tensor, "B D"]:
        """Append one position to every row and return its finished state: forward, then finish, in one go.

        Positions are the rows' lengths.
        """
        found = self.compiled_step(x, cache)
        return through_layers(self)(x, cache, 0, self.n_layers)[:, 0] if found is None else found

    def step_modules(self) -> Iterable[nn.Module]:
        return (*self.layers, self.norm, self.positions)

    def listed_step(self, rows: int, capacity: int) -> CompiledStep:
        from valle_transformer.program import step_of

        return step_of(self, rows, capacity)
