"""One decoding step of a `RetNetBackbone` as a program of the compiled function."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_kit.stepping import layout
from valle_kit.stepping.program import Program
from valle_kit.stepping.step import ROWS, CompiledStep
from valle_retnet.options import RetNetSizes
from valle_retnet.tables import log_decays, mass, turns_at


def step_of(backbone: Any, rows: int, capacity: int) -> CompiledStep:
    """The step of at most `rows` states at a time."""
    sizes: RetNetSizes = backbone.sizes
    D, wide, heads = sizes.d_model, sizes.value_dim, sizes.n_heads
    key_width, width = sizes.key_width, sizes.value_width
    program = Program(D, min(rows, ROWS), torch.get_num_threads(), 2 * key_width + width + 1)
    h, normed = program.h, program.buffer("normed", D, private=True)
    qkv, gate, y = program.buffer("qkv", 2 * D + wide), program.buffer("gate", wide), program.buffer("y", wide)
    q, k, v = qkv.part(0, D), qkv.part(D, D), qkv.part(2 * D, wide)
    inner, by = program.buffer("inner", sizes.ffn_dim), program.buffer("by", sizes.ffn_dim)
    decays = log_decays(sizes, torch.device("cpu"))
    gamma = program.constant(decays.exp().numpy())
    activation = layout.GELU if sizes.activation == "gelu" else layout.SILU
    program.wait()
    for index, layer in enumerate(backbone.layers):
        retention, ffn = layer.retention, layer.ffn
        program.norm(h, layer.retention_layer_norm, normed)
        for linear, part in ((retention.q_proj, q), (retention.k_proj, k), (retention.v_proj, v)):
            program.product(linear, normed, part)
        program.product(retention.g_proj, normed, gate)
        program.wait()
        program.operation(
            layout.RETAIN, index, q.address, k.address, v.address, qkv.row, heads, key_width, width, gamma,
            program.constant([sizes.norm_eps]), y.address, y.row,
        )  # fmt: skip
        program.wait()
        program.gate(layout.SILU, gate, y)
        program.wait()
        program.product(retention.out_proj, gate, h, add=True)
        program.wait()
        program.norm(h, layer.final_layer_norm, normed)
        program.product(ffn.fc1, normed, inner)
        program.product(ffn.gate, normed, by)
        program.gate(activation, inner, by)
        program.wait()
        program.product(ffn.fc2, inner, h, add=True)
        program.wait()
        program.end_layer()
    program.norm(h, backbone.layer_norm, program.out)

    def lines(places: Int[Tensor, "P"]) -> Float[Tensor, "P W"]:
        """Cosines and sines of the query's pairs, of the key's, and the mass of each head."""
        turn, key_turn = turns_at(sizes, places, torch.float32)
        return torch.cat((turn.flatten(1), key_turn.flatten(1), mass(decays, places[:, None] + 1)[..., 0].float()), 1)

    return CompiledStep(program, capacity, lines)
