"""One decoding step of a `LlamaBackbone` as a program of the compiled function."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_kit.attention_stack.rotary import rotary_frequencies
from valle_kit.stepping import layout
from valle_kit.stepping.program import Buffer, Program
from valle_kit.stepping.step import ROWS, CompiledStep
from valle_llama.options import LlamaSizes


def step_of(backbone: Any, rows: int, capacity: int) -> CompiledStep:
    """The step of at most `rows` states at a time, for caches of at most `capacity` positions.

    Four barriers a layer: where the heads of keys can be shared out, each thread answers what it projected, so that
    states of one cache may follow each other.
    """
    sizes: LlamaSizes = backbone.sizes
    threads = torch.get_num_threads()
    heads, kv_heads, width = sizes.n_heads, sizes.n_kv_heads, sizes.head_dim
    program = Program(sizes.d_model, min(rows, ROWS), threads, width + capacity + 1)
    by_heads = kv_heads % threads == 0
    unit, group = (width, heads // kv_heads) if by_heads else (8, 1)
    h, normed = program.h, program.buffer("normed", sizes.d_model, private=True)
    qkv = program.buffer("qkv", (heads + 2 * kv_heads) * width)
    mixed = program.buffer("mixed", heads * width)
    gate, up = program.buffer("gate", sizes.ffn_dim), program.buffer("up", sizes.ffn_dim)
    program.wait()
    for index, layer in enumerate(backbone.layers):
        attention, ffn = layer.get_submodule("self_attn"), layer.get_submodule("mlp")
        program.norm(h, layer.get_submodule("input_layernorm"), normed)
        for name, part, units in _parts(qkv, heads, kv_heads, width, unit, group):
            program.product(attention.get_submodule(name), normed, part, unit=units)
        if not by_heads:
            program.wait()
        program.operation(
            layout.ATTEND, index, qkv.address, qkv.row, heads, kv_heads, width, mixed.address, mixed.row, 1,
            int(by_heads),
        )  # fmt: skip
        program.wait()
        program.product(attention.get_submodule("o_proj"), mixed, h, add=True)
        program.wait()
        program.norm(h, layer.get_submodule("post_attention_layernorm"), normed)
        program.product(ffn.get_submodule("gate_proj"), normed, gate)
        program.product(ffn.get_submodule("up_proj"), normed, up)
        program.gate(layout.SILU, gate, up)
        program.wait()
        program.product(ffn.get_submodule("down_proj"), gate, h, add=True)
        program.wait()
        program.end_layer()
    program.norm(h, backbone.norm, program.out)

    def lines(positions: Int[Tensor, "P"]) -> Float[Tensor, "P W"]:
        """Each position's cosines, then its sines."""
        angles = positions[:, None].float() * rotary_frequencies(width, sizes.rope_theta)
        return torch.cat((angles.cos(), angles.sin()), dim=-1)

    return CompiledStep(program, capacity, lines, in_order=by_heads)


def _parts(
    qkv: Buffer, heads: int, kv_heads: int, width: int, unit: int, group: int
) -> tuple[tuple[str, Buffer, int], ...]:
    """Which projection goes where, and in what multiples threads share it."""
    queries, keys = heads * width, kv_heads * width
    return (
        ("q_proj", qkv.part(0, queries), unit * group),
        ("k_proj", qkv.part(queries, keys), unit),
        ("v_proj", qkv.part(queries + keys, keys), unit),
    )
