"""One decoding step of a `LlamaBackbone` as a program of the compiled function, over torch's own memory and threads."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from valle_kit.attention_stack.rotary import rotary_frequencies
from valle_kit.stepping import layout
from valle_kit.stepping.program import Buffer, Program
from valle_kit.stepping.runner import Runner
from valle_llama.options import LlamaSizes

MOST_ROWS = 64
"""States computed at a time: more go in several turns."""


class FusedStep:
    """The step of one backbone over caches of at most `capacity` positions, for float32 states on the CPU.

    Weights are read in place: in-place updates are seen by the next step; `fits` tells when they moved.

    Attributes:
        capacity: as given.
        in_order: whether states of one cache may follow each other: each finds the keys of those before it.
    """

    def __init__(self, layers: nn.ModuleList, norm: nn.Module, sizes: LlamaSizes, rows: int, capacity: int):
        self._sizes, self.capacity = sizes, capacity
        self._runner = Runner(_program(layers, norm, sizes, max(1, min(rows, MOST_ROWS)), capacity))
        self._rotations = _rotations(sizes, torch.arange(capacity + 1))
        self.in_order = sizes.n_kv_heads % torch.get_num_threads() == 0  # each thread has heads of its own

    def fits(self) -> bool:
        """Whether the weights are still where they were."""
        return self._runner.program.fits()

    def __call__(
        self,
        x: Float[Tensor, "B D"],
        tables: np.ndarray,
        lengths: Int[Tensor, "B"],
        positions: Int[Tensor, "B"] | None = None,
        *,
        finish: bool = True,
        layers: tuple[int, int] | None = None,
    ) -> Float[Tensor, "B D"]:
        """The states of the next position of every row after the last layer, normed when `finish`.

        Args:
            tables: of each row's cache, see `LlamaCache.tables`.
            lengths: of the rows before this position.
            positions: the rotary ones, the lengths when not given.
            layers: as `Runner` takes them.
        """
        if positions is None:
            by, turns = self._rotations, lengths
        else:
            by, turns = _rotations(self._sizes, positions), torch.arange(len(x))
        return self._runner(x, tables, lengths, by, turns, finish=finish, layers=layers)


def _program(layers: nn.ModuleList, norm: nn.Module, sizes: LlamaSizes, rows: int, capacity: int) -> Program:
    """Four barriers a layer: where the heads of keys can be shared out, each thread answers what it projected."""
    threads = torch.get_num_threads()
    heads, kv_heads, width = sizes.n_heads, sizes.n_kv_heads, sizes.head_dim
    scratch = width + capacity + 1
    program = Program(sizes.d_model, rows, threads, scratch)
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


def _rotations(sizes: LlamaSizes, positions: Int[Tensor, "R"]) -> Float[Tensor, "R Dh"]:
    """Each position's cosines, then its sines."""
    angles = positions[:, None].float() * rotary_frequencies(sizes.head_dim, sizes.rope_theta)
    return torch.cat((angles.cos(), angles.sin()), dim=-1)
