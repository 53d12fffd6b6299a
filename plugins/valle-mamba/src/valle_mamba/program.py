"""One decoding step of a `MambaBackbone` of Mamba-2 layers as a program of the compiled function."""

from __future__ import annotations

from typing import Any

import torch

from valle_kit.stepping import layout
from valle_kit.stepping.program import Program
from valle_kit.stepping.step import ROWS, CompiledStep
from valle_mamba.sizes import Mamba2Sizes


def step_of(backbone: Any, rows: int, capacity: int) -> CompiledStep:
    """The step of at most `rows` states at a time."""
    sizes: Mamba2Sizes = backbone.sizes
    D, inner, heads, groups = sizes.d_model, sizes.d_inner, sizes.n_heads, sizes.n_groups
    program = Program(D, min(rows, ROWS), torch.get_num_threads(), 1)
    h, normed = program.h, program.buffer("normed", D, private=True)
    projected = program.buffer("projected", inner + sizes.conv_width + heads)
    z, xbc = projected.part(0, inner), projected.part(inner, sizes.conv_width)
    delta = projected.part(inner + sizes.conv_width, heads)
    mixed, y = program.buffer("mixed", sizes.conv_width), program.buffer("y", inner)
    gated = program.buffer("gated", inner, private=True)
    limits, epsilon = program.constant(sizes.dt_limit), program.constant([sizes.norm_eps])
    program.wait()
    for index, layer in enumerate(backbone.layers):
        mixer = layer.mixer
        program.norm(h, layer.norm, normed)
        program.product(mixer.in_proj, normed, projected)
        program.wait()
        program.operation(
            layout.CONVOLVE, index, xbc.address, xbc.row, program.weight(mixer.conv1d.weight),
            program.weight(mixer.conv1d.bias), sizes.d_conv, sizes.conv_width, mixed.address, mixed.row,
        )  # fmt: skip
        program.wait()
        program.operation(
            layout.SCAN, index, mixed.address, mixed.row, heads, sizes.head_dim, groups, sizes.d_state, delta.address,
            delta.row, program.weight(mixer.dt_bias), program.weight(mixer.A_log), program.weight(mixer.D), limits,
            y.address, y.row,
        )  # fmt: skip
        program.wait()
        program.operation(
            layout.GATED_NORM, y.address, y.row, z.address, z.row, groups, inner // groups,
            program.weight(mixer.norm.weight), epsilon, gated.address, gated.row, gated.private,
        )  # fmt: skip
        program.product(mixer.out_proj, gated, h, add=True)
        program.wait()
        program.end_layer()
    program.norm(h, backbone.norm_f, program.out)
    return CompiledStep(program, capacity)
