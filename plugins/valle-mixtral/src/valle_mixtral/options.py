"""Options of the `mixtral` backbone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from valle_kit.attention_stack.rotary_sizes import RotaryOptions, RotarySizes


@dataclass(frozen=True, kw_only=True, slots=True)
class MixtralOptions(RotaryOptions):
    """Options of `--arch mixtral`.

    Attributes:
        ffn_dim: width of each expert; two thirds of 4 · d_model, rounded up to 64, when not given.
        n_experts: experts in each layer.
        experts_per_token: experts each position is sent to.
        router_aux_loss_coef: weight of the loss that balances the experts (2101.03961, eq. 4) in the training loss.
        router_jitter_noise: range of the noise in training: the experts' input is multiplied by 1 − noise to 1 + noise.
        weights: folder written by `MixtralModel.save_pretrained` (safetensors) to start from; it also gives the sizes.
    """

    n_experts: int = 8
    experts_per_token: int = 2
    router_aux_loss_coef: float = 0.02
    router_jitter_noise: float = 0.0
    weights: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MixtralSizes(RotarySizes):
    """See `RotarySizes`; an expert is `ffn_dim` wide."""

    arch: ClassVar[str] = "mixtral"


def sizes_of(options: MixtralOptions) -> MixtralSizes:
    """The sizes the options ask for. Raises `UserError` for options no Mixtral can have."""
    sizes, refuse = MixtralSizes.of(options), MixtralSizes.refusal
    if options.n_experts < 1:
        raise refuse("n_experts", options.n_experts, "must be at least 1")
    if not 1 <= options.experts_per_token <= options.n_experts:
        raise refuse("experts_per_token", options.experts_per_token, f"must be in [1, {options.n_experts}] (n_experts)")
    for name in ("dropout", "router_jitter_noise"):
        if not 0.0 <= getattr(options, name) < 1.0:
            raise refuse(name, getattr(options, name), "must be in [0, 1)")
    if not options.router_aux_loss_coef >= 0:
        raise refuse("router_aux_loss_coef", options.router_aux_loss_coef, "must be at least 0")
    return sizes
