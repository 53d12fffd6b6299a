"""Options of the `mixtral` backbone."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class MixtralOptions:
    """Options of `--arch mixtral`.

    Attributes:
        d_model: width of the model.
        n_layers: number of layers.
        n_heads: query heads; must divide d_model into an even head width.
        n_kv_heads: key and value heads, a divisor of n_heads; as many as query heads when not given.
        ffn_dim: width of each expert; two thirds of 4 · d_model, rounded up to 64, when not given.
        n_experts: experts in each layer.
        experts_per_token: experts each position is sent to.
        router_aux_loss_coef: weight of the loss that balances the experts (2101.03961, eq. 4) in the training loss.
        router_jitter_noise: range of the noise in training: the experts' input is multiplied by 1 − noise to 1 + noise.
        rope_theta: base of the rotary frequencies.
        norm_eps: epsilon of the RMS norms.
        dropout: dropout of what each sub-layer adds to the residual stream.
        max_length: longest sequence it accepts; no bound when not given.
        gradient_checkpointing: recompute the layers in the backward pass to save memory.
        weights: folder written by `MixtralModel.save_pretrained` (safetensors) to start from; it also gives the sizes.
    """

    d_model: int = 256
    n_layers: int = 4
    n_heads: int = 4
    n_kv_heads: int | None = None
    ffn_dim: int | None = None
    n_experts: int = 8
    experts_per_token: int = 2
    router_aux_loss_coef: float = 0.02
    router_jitter_noise: float = 0.0
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5
    dropout: float = 0.0
    max_length: int | None = None
    gradient_checkpointing: bool = False
    weights: str | None = None


def check(options: MixtralOptions) -> None:
    """Raises `UserError` for options no Mixtral can have, before any weight is made."""
    for name in ("d_model", "n_layers", "n_heads", "n_kv_heads", "ffn_dim", "n_experts", "max_length"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise _refuse(name, value, "must be at least 1")
    if options.d_model % options.n_heads:
        if options.d_model % 2:
            raise _refuse("d_model", options.d_model, "must be even, so that heads have an even width")
        divisors = [n for n in (1, 2, 4, 8, 12, 16, 32) if options.d_model % (2 * n) == 0]
        raise _refuse("n_heads", options.n_heads, f"must divide d_model = {options.d_model}, e.g. {divisors}")
    if options.d_model // options.n_heads % 2:
        width = options.d_model // options.n_heads
        raise _refuse("n_heads", options.n_heads, f"must give heads of even width for rotary positions, not {width}")
    if options.n_heads % (options.n_kv_heads or options.n_heads):
        raise _refuse("n_kv_heads", options.n_kv_heads, f"must divide n_heads = {options.n_heads}")
    if not 1 <= options.experts_per_token <= options.n_experts:
        raise _refuse(
            "experts_per_token", options.experts_per_token, f"must be in [1, {options.n_experts}] (n_experts)"
        )
    for name in ("rope_theta", "norm_eps"):
        if not getattr(options, name) > 0:
            raise _refuse(name, getattr(options, name), "must be above 0")
    for name in ("dropout", "router_jitter_noise"):
        if not 0.0 <= getattr(options, name) < 1.0:
            raise _refuse(name, getattr(options, name), "must be in [0, 1)")
    if not options.router_aux_loss_coef >= 0:
        raise _refuse("router_aux_loss_coef", options.router_aux_loss_coef, "must be at least 0")


def ffn_dim_of(options: MixtralOptions) -> int:
    """The width of an expert, with the default filled in."""
    return -(-options.d_model * 8 // 3 // 64) * 64 if options.ffn_dim is None else options.ffn_dim


def _refuse(name: str, value: object, reason: str) -> UserError:
    return UserError(f"arch 'mixtral': {name} {reason}, got {value}")
