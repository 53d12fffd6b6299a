"""fla's plain functions as oracles: retention for `retnet`, gated linear attention (which is SSD) for `mamba2`."""

from __future__ import annotations

import pytest
import torch
from fla.ops.retention.naive import naive_retention
from fla.ops.simple_gla.naive import naive_chunk_simple_gla, naive_parallel_simple_gla, naive_recurrent_simple_gla
from torch.nn import functional as F
from transformers import Mamba2Config, Mamba2Model

from valle_core.assemble.model import build_backbone
from valle_core.assemble.schema import MODEL_SCHEMA
from valle_core.config.resolve import resolve
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry
from valle_core.types import SequenceMask

REFERENCE = "fla-core"
LENGTHS = (1, 63, 64, 65, 193)


def forms(chunk: int):
    from valle_retnet.retention import chunkwise, parallel, recurrent

    return {"parallel": parallel, f"chunks of {chunk}": chunkwise(chunk), "recurrent": recurrent}


def retention_inputs(T: int, seed: int):
    torch.manual_seed(seed)
    q, k = torch.randn(2, 2, 3, T, 16)
    v = torch.randn(2, 3, T, 32)
    return q, k, v, torch.log(1 - 2.0 ** (-5 - torch.arange(3.0)))


@pytest.mark.parametrize("T", LENGTHS)
def test_retention_in_every_form(parity, T):
    from valle_retnet.retention import Decay

    q, k, v, log_decay = retention_inputs(T, seed=T)
    expected = naive_retention(q, k, v)
    for name, form in forms(64).items():
        mine = form(q * 16**-0.5, k, v, Decay(log_decay), None)
        parity(REFERENCE, f"naive_retention, T = {T}, {name}", mine, expected, within=1e-5)


@pytest.mark.parametrize("seed", [0, 1])
def test_retention_that_goes_on_from_a_state(parity, seed):
    from valle_retnet.retention import Decay, state_after

    T = 77
    q, k, v, log_decay = retention_inputs(T, seed)
    state = torch.randn(2, 3, 16, 32)
    rows = [part.transpose(1, 2) for part in (q, k, v)]
    gates = log_decay.expand(2, T, 3)
    expected, last = naive_recurrent_simple_gla(*rows, gates, scale=1.0, initial_state=state)
    chunked, _ = naive_chunk_simple_gla(*rows, gates, scale=1.0, initial_state=state, chunk_size=16)
    torch.testing.assert_close(chunked, expected, atol=1e-4, rtol=1e-4)  # the oracles agree
    for name, form in forms(16).items():
        mine = form(q, k, v, Decay(log_decay), state).transpose(1, 2)
        parity(REFERENCE, f"naive_recurrent_simple_gla from a state, seed {seed}, {name}", mine, expected, within=1e-5)
    after = state_after(k, v, Decay(log_decay), None, state)
    parity(REFERENCE, f"state after {T} positions, seed {seed}", after, last, within=1e-5)


def mamba2(folder, seed: int, groups: int):
    """Transformers' Mamba-2 with lively weights, saved to `folder`."""
    torch.manual_seed(seed)
    config = Mamba2Config(
        vocab_size=5, hidden_size=32, num_hidden_layers=2, num_heads=8, head_dim=8, state_size=16, n_groups=groups,
        expand=2, chunk_size=16, initializer_range=0.3,
    )  # fmt: skip
    model = Mamba2Model(config).eval()
    with torch.no_grad():
        for layer in model.layers:
            layer.mixer.D.normal_()
            layer.mixer.dt_bias.uniform_(-3, 1)
            layer.mixer.conv1d.bias.normal_(std=0.2)
            layer.mixer.norm.weight.uniform_(0.5, 1.5)
    model.save_pretrained(folder)
    return model


@torch.no_grad()
def states(model, x, ssd):
    """The model's states, with its sequence mixing done by one of fla's functions."""
    config = model.config
    wide, G, N = config.num_heads * config.head_dim, config.n_groups, config.state_size
    for layer in model.layers:
        mixer = layer.mixer
        z, mixed, dt = mixer.in_proj(layer.norm(x)).split([wide, wide + 2 * G * N, config.num_heads], -1)
        padded = F.pad(mixed.mT, (config.conv_kernel - 1, 0))
        mixed = F.silu(F.conv1d(padded, mixer.conv1d.weight, mixer.conv1d.bias, groups=mixed.shape[-1])).mT
        u, B, C = mixed.split([wide, G * N, G * N], -1)
        u = u.unflatten(-1, (config.num_heads, -1))
        B, C = (part.unflatten(-1, (G, N)).repeat_interleave(config.num_heads // G, dim=2) for part in (B, C))
        dt = F.softplus(dt + mixer.dt_bias)
        y = ssd(C, B, u * dt[..., None], dt * -mixer.A_log.exp(), scale=1.0)[0] + u * mixer.D[:, None]
        y = (y.flatten(2) * F.silu(z)).unflatten(-1, (G, -1))
        y = F.rms_norm(y, (wide // G,), eps=mixer.norm.variance_epsilon).flatten(2) * mixer.norm.weight
        x = x + mixer.out_proj(y)
    return model.norm_f(x)


ORACLES = {
    "parallel": naive_parallel_simple_gla,
    "recurrent": naive_recurrent_simple_gla,
    "chunks": naive_chunk_simple_gla,
}


@pytest.mark.parametrize("groups", [1, 2])
def test_the_oracle_is_mamba_2(parity, tmp_path, groups):
    model = mamba2(tmp_path, seed=groups, groups=groups)
    x = torch.randn(2, 45, 32)
    expected = model(inputs_embeds=x).last_hidden_state
    parity(REFERENCE, f"Mamba-2 by SSD beside transformers', {groups} groups", states(model, x, ORACLES["parallel"]),
           expected, within=1e-4)  # fmt: skip


@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize("T", [1, 33, 129])
@torch.no_grad()
def test_mamba2_is_ssd(parity, tmp_path, T, oracle):
    model = mamba2(tmp_path, seed=T, groups=2)
    registry = Registry.open()
    resolved = resolve(MODEL_SCHEMA, registry, sets=["arch=mamba2", f"arch.weights={tmp_path}"])
    backbone = build_backbone(resolved, preflight(registry, resolved.choices()))
    lengths = torch.tensor([T, (T + 1) // 2])
    x = torch.randn(2, T, 32)
    mine = backbone.finish(backbone(x, SequenceMask.causal(lengths), torch.arange(T).expand(2, T)).h)
    expected = states(model, x, ORACLES[oracle])
    valid = torch.arange(T) < lengths[:, None]
    parity(
        REFERENCE, f"naive {oracle} simple_gla as mamba2, T = {T}, padded", mine[valid], expected[valid], within=1e-4
    )
