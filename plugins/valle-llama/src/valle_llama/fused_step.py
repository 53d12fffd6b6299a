"""Hands one decoding step of a `LlamaBackbone` to the compiled kernel, over torch's own memory and threads."""

from __future__ import annotations

import time

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from valle_kit.attention_stack.rotary import rotary_frequencies
from valle_kit.openmp import Team
from valle_llama import fused_kernel as kernel
from valle_llama.cache import LlamaCache
from valle_llama.options import LlamaSizes
from valle_llama.pace import Pace

BYTES_PER_THREAD = 8_000_000
"""Weights a thread must have to read for its share of the five barriers of a layer (about 1 µs each) to be small."""


ORDER = (
    "input_layernorm.weight",
    "self_attn.q_proj.weight",
    "self_attn.k_proj.weight",
    "self_attn.v_proj.weight",
    "self_attn.o_proj.weight",
    "post_attention_layernorm.weight",
    "mlp.gate_proj.weight",
    "mlp.up_proj.weight",
    "mlp.down_proj.weight",
)
"""In which the kernel reads the weights of a layer."""


class FusedStep:
    """The compiled step of one backbone over one cache. Float32 on the CPU, one new position per row.

    Weights are read in place: in-place updates are seen by the next step; `fits` tells when they moved.
    """

    def __init__(self, layers: nn.ModuleList, norm: nn.Module, sizes: LlamaSizes, cache: LlamaCache):
        self._sizes = sizes
        self._weights = [*(layer.get_parameter(name) for layer in layers for name in ORDER), *norm.parameters()]
        self._addresses = [weight.data_ptr() for weight in self._weights]
        self._paced = _Paced(sum(weight.nbytes for weight in self._weights))
        self._rotations = _rotations(sizes, torch.arange(cache.capacity + 1))
        self._epsilon = np.array([sizes.norm_eps], dtype=np.float32)
        self._job = self._header(len(layers), cache)
        self._scratch = np.zeros(0, dtype=np.float32)

    def fits(self) -> bool:
        """Whether the weights are still where they were."""
        return [weight.data_ptr() for weight in self._weights] == self._addresses

    def __call__(
        self, x: Float[Tensor, "B 1 D"], cache: LlamaCache, positions: Int[Tensor, "B"] | None, *, finish: bool
    ) -> Float[Tensor, "B 1 D"]:
        """Append one position to every row; returns the states after the last layer, normed when `finish`.

        `positions` are the rotary positions, the rows' lengths when not given.
        """
        x = x.contiguous()
        h = torch.empty_like(x)
        B = len(x)
        if positions is None:
            by, turns = self._rotations, cache.lengths
        else:
            by, turns = _rotations(self._sizes, positions), torch.arange(B)
        job = self._job
        if job[kernel.BATCH] != B or not len(self._scratch):
            self._resize(B)
        job[kernel.FINISH] = finish
        job[kernel.X], job[kernel.H] = x.data_ptr(), h.data_ptr()
        job[kernel.LENGTHS] = cache.lengths.data_ptr()
        job[kernel.ROTATIONS], job[kernel.TURNS] = by.data_ptr(), turns.data_ptr()
        job[kernel.KEYS], job[kernel.VALUES] = cache.keys.data_ptr(), cache.values.data_ptr()
        self._paced.run(job)
        return h

    def _header(self, n_layers: int, cache: LlamaCache) -> np.ndarray:
        sizes, team = self._sizes, self._paced.team
        job = np.zeros(kernel.HEADER + n_layers * kernel.PER_LAYER, dtype=np.int64)
        job[kernel.HEADER :] = self._addresses[:-1]
        job[kernel.NORM] = self._addresses[-1]
        job[kernel.LAYERS], job[kernel.WIDTH], job[kernel.FFN] = n_layers, sizes.d_model, sizes.ffn_dim
        job[kernel.HEADS], job[kernel.KV_HEADS] = sizes.n_heads, sizes.n_kv_heads
        job[kernel.HEAD_WIDTH], job[kernel.CAPACITY] = sizes.head_dim, cache.keys.shape[3]
        job[kernel.THREADS], job[kernel.BARRIER] = 1, team.barrier
        job[kernel.RANK], job[kernel.COUNT] = team.rank, team.count
        job[kernel.EPSILON] = self._epsilon.ctypes.data
        return job

    def _resize(self, batch: int) -> None:
        sizes, job = self._sizes, self._job
        heads = sizes.n_heads + 2 * sizes.n_kv_heads
        row = (heads + sizes.n_heads) * sizes.head_dim
        shared = batch * (row + sizes.d_model + 2 * sizes.ffn_dim)
        private = batch * max(sizes.d_model, sizes.ffn_dim) + sizes.head_dim + int(job[kernel.CAPACITY])
        self._scratch = np.zeros(shared + self._paced.team.size * private, dtype=np.float32)
        job[kernel.BATCH], job[kernel.SCRATCH] = batch, self._scratch.ctypes.data


class _Paced:
    """The compiled step on torch's threads, or on this one alone where that is the faster way."""

    def __init__(self, nbytes: int):
        self._step = int(kernel.compiled().address or 0)
        self.team = Team(nbytes // BYTES_PER_THREAD)
        self._pace = Pace()

    def run(self, job: np.ndarray) -> None:
        """Both ways give the same bits: each row of a matrix is summed by one thread."""
        if self.team.size == 1:
            self.team.run(self._step, job.ctypes.data)
            return
        together = self._pace.together()
        threads = self.team.size if together else 1
        job[kernel.THREADS] = threads
        start = time.perf_counter()
        self.team.run(self._step, job.ctypes.data, threads)
        self._pace.took(together, time.perf_counter() - start)


def _rotations(sizes: LlamaSizes, positions: Int[Tensor, "R"]) -> Float[Tensor, "R Dh"]:
    """Each position's cosines, then its sines."""
    angles = positions[:, None].float() * rotary_frequencies(sizes.head_dim, sizes.rope_theta)
    return torch.cat((angles.cos(), angles.sin()), dim=-1)
