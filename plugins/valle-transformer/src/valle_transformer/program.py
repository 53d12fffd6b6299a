"""One decoding step of a `TransformerBackbone` as a program of the compiled function."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from valle_kit.stepping import layout
from valle_kit.stepping.program import Program
from valle_kit.stepping.step import ROWS, CompiledStep


def step_of(backbone: Any, rows: int, capacity: int) -> CompiledStep:
    """The step of at most `rows` states at a time, for caches of at most `capacity` positions."""
    D, heads = backbone.d_model, backbone.options.n_heads
    width = D // heads
    program = Program(D, min(rows, ROWS), torch.get_num_threads(), width + capacity + 1)
    h, normed = program.h, program.buffer("normed", D, private=True)
    qkv, mixed = program.buffer("qkv", 3 * D), program.buffer("mixed", D)
    up = program.buffer("up", backbone.options.ffn_mult * D)
    program.operation(layout.PLACE, h.address, h.row, D, program.weight(backbone.positions.scale))
    program.wait()
    for index, layer in enumerate(backbone.layers):
        program.norm(h, layer.attention_norm.norm, normed)
        program.product(layer.attention.qkv, normed, qkv)
        program.wait()
        program.operation(
            layout.ATTEND, index, qkv.address, qkv.row, heads, heads, width, mixed.address, mixed.row, 0, 0
        )
        program.wait()
        program.product(layer.attention.out, mixed, h, add=True)
        program.wait()
        program.norm(h, layer.feed_forward_norm.norm, normed)
        program.product(layer.up, normed, up)
        program.gate(layout.GELU_TANH, up)
        program.wait()
        program.product(layer.down, up, h, add=True)
        program.wait()
        program.end_layer()
    program.norm(h, backbone.norm, program.out)

    def lines(positions: Tensor) -> Tensor:
        return backbone.positions.table[positions.clamp(max=len(backbone.positions.table) - 1)]

    return CompiledStep(program, capacity, lines)
