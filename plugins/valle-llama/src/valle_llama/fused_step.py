"""One decoding step of a `LlamaBackbone` as a program of the compiled function, over torch's own memory and threads."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from valle_kit.attention_stack.rotary import rotary_frequencies
from valle_kit.stepping import layout
from valle_kit.stepping.program import Buffer, Program
from valle_kit.stepping.runner import Runner, cache_numbers
from valle_llama.cache import LlamaCache
from valle_llama.options import LlamaSizes

MOST_ROWS = 64
"""States computed at a time: more go in several turns."""


class FusedStep:
    """The step of one backbone over one cache. Float32 states on the CPU, one new position per row.

    Weights are read in place: in-place updates are seen by the next step; `fits` tells when they moved.
    """

    def __init__(self, layers: nn.ModuleList, norm: nn.Module, sizes: LlamaSizes, cache: LlamaCache):
        self._sizes, self._layers = sizes, len(layers)
        self._runner = Runner(_program(layers, norm, sizes, cache))
        self._rotations = _rotations(sizes, torch.arange(cache.capacity + 1))
        self._keys, self._numbers = 0, np.zeros(0, dtype=np.int64)

    def fits(self) -> bool:
        """Whether the weights are still where they were."""
        return self._runner.program.fits()

    def __call__(
        self, x: Float[Tensor, "B 1 D"], cache: LlamaCache, positions: Int[Tensor, "B"] | None, *, finish: bool
    ) -> Float[Tensor, "B 1 D"]:
        """Append one position to every row; returns the states after the last layer, normed when `finish`.

        `positions` are the rotary positions, the rows' lengths when not given.
        """
        if positions is None:
            by, turns = self._rotations, cache.lengths
        else:
            by, turns = _rotations(self._sizes, positions), torch.arange(len(x))
        if cache.keys.data_ptr() != self._keys:
            self._keys = cache.keys.data_ptr()
            self._numbers = _numbers(cache)
        return self._runner(x[:, 0], self._numbers, cache.lengths, by, turns, finish=finish)[:, None]


def _program(layers: nn.ModuleList, norm: nn.Module, sizes: LlamaSizes, cache: LlamaCache) -> Program:
    """Four barriers a layer: where the heads of keys can be shared out, each thread answers what it projected."""
    threads = torch.get_num_threads()
    heads, kv_heads, width = sizes.n_heads, sizes.n_kv_heads, sizes.head_dim
    scratch = width + cache.capacity + 1
    program = Program(sizes.d_model, min(MOST_ROWS, max(1, cache.keys.shape[1])), threads, scratch)
    by_heads = kv_heads % threads == 0
    unit, group = (width, heads // kv_heads) if by_heads else (8, 1)
    h, normed = program.h, program.buffer("normed", sizes.d_model, private=True)
    qkv = program.buffer("qkv", (heads + 2 * kv_heads) * width)
    mixed = program.buffer("mixed", heads * width)
    gate, up = program.buffer("gate", sizes.ffn_dim), program.buffer("up", sizes.ffn_dim)
    program.wait()
    for index, layer in enumerate(layers):
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
    program.norm(h, norm, program.out)
    return program


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


def _numbers(cache: LlamaCache) -> np.ndarray:
    """Addresses of each layer's keys and values, and places of a row."""
    held = zip(cache.keys.unbind(), cache.values.unbind(), strict=True)
    return cache_numbers([(keys.data_ptr(), values.data_ptr(), cache.keys.shape[3]) for keys, values in held])


def _rotations(sizes: LlamaSizes, positions: Int[Tensor, "R"]) -> Float[Tensor, "R Dh"]:
    """Each position's cosines, then its sines."""
    angles = positions[:, None].float() * rotary_frequencies(sizes.head_dim, sizes.rope_theta)
    return torch.cat((angles.cos(), angles.sin()), dim=-1)
