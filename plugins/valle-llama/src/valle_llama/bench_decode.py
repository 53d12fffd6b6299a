"""Decoding speed beside `LlamaForCausalLM.generate`: equal weights, equal prompt, greedy tokens compared first."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from valle_core.interfaces import AttentionKernel
from valle_core.types import PackedMask, SequenceMask
from valle_llama.backbone import LlamaBackbone
from valle_llama.factory import build
from valle_llama.options import LlamaOptions

VOCABULARY = 1024
HEAD_WIDTH = 64

Decode = Callable[[int], Int[Tensor, "N"]]
"""Number of new tokens → the tokens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """One model of the comparison; the feed-forward layer is 4 · d_model wide."""

    d_model: int
    n_layers: int

    def __str__(self) -> str:
        return f"d {self.d_model}, {self.n_layers} layers"


SIZES = (Size(d_model=256, n_layers=4), Size(d_model=512, n_layers=8), Size(d_model=1024, n_layers=12))


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """One setting of one side at one size. Batch 1, float32, CPU.

    Attributes:
        size: of the model.
        setting: whose loop, with which cache or path.
        compiled: how machine code was made for this model ("" for none).
        match: greedy tokens equal those of generate's dynamic cache.
        tokens_per_s: new tokens per second after the prompt has been read.
        call_s: seconds of the whole call, prompt included.
        ratio: tokens_per_s over that of generate's best setting that is not compiled.
        roofline: tokens per second if each weight were read once per token at the best rate measured.
        share: tokens_per_s / roofline.
    """

    size: str
    setting: str
    compiled: str
    match: bool
    tokens_per_s: float
    call_s: float
    ratio: float
    roofline: float
    share: float


def compare(
    attention: AttentionKernel | None = None,
    *,
    sizes: Sequence[Size] = SIZES,
    new_tokens: int = 200,
    prompt_tokens: int = 200,
    repeats: int = 5,
    threads: int = 2,
    compiled: bool = True,
) -> list[Measurement]:
    """All settings at all sizes; the settings take turns in every repeat and the median counts.

    Args:
        attention: kernel of our backbone's general path; torch's own when not given.
        compiled: also let generate compile itself, where there is a C++ compiler (minutes).
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return [
            row
            for size in sizes
            for row in _compare_one(
                size, attention or _TorchAttention(), new_tokens, prompt_tokens, repeats, compiled=compiled
            )
        ]
    finally:
        torch.set_num_threads(before)


def read_rate(nbytes: int, tries: int = 20) -> float:
    """Best bytes per second at which torch's threads read a float32 matrix of this size (sum and matrix-vector)."""
    matrix = torch.ones(nbytes // 4096, 1024)
    vector, row = torch.ones(1024), torch.ones(1, 1024)
    ways = (lambda: matrix.sum(), lambda: torch.mv(matrix, vector), lambda: F.linear(row, matrix))
    return matrix.nbytes / min(_timed(way)[0] for _ in range(tries) for way in ways)


def _compare_one(
    size: Size, attention: AttentionKernel, new: int, prompt: int, repeats: int, *, compiled: bool
) -> list[Measurement]:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=size.d_model,
        intermediate_size=4 * size.d_model,
        num_hidden_layers=size.n_layers,
        num_attention_heads=size.d_model // HEAD_WIDTH,
        rms_norm_eps=1e-5,
        max_position_embeddings=prompt + new,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
    )
    model = LlamaForCausalLM(config).eval()
    tokens = torch.randint(VOCABULARY, (1, prompt))
    settings: dict[tuple[str, str], Decode] = {
        ("generate, dynamic cache", ""): _generate(model, tokens, {}),
        ("generate, static cache", ""): _generate(model, tokens, {"cache_implementation": "static"}),
    }
    if compiled and shutil.which("g++"):
        settings["generate, static cache", "torch.compile"] = _generate_compiled(model, tokens)
    settings["valle, layers", ""] = _ours(model, size, attention, tokens, "layers")
    if find_spec("numba") is not None:
        settings["valle, fused step", "numba"] = _ours(model, size, attention, tokens, "fused")

    tokens_of = {setting: run(new) for setting, run in settings.items()}  # also the warm-up
    whole: dict[tuple[str, str], list[float]] = {setting: [] for setting in settings}
    first: dict[tuple[str, str], list[float]] = {setting: [] for setting in settings}
    for _ in range(repeats):
        for setting, run in settings.items():
            first[setting].append(_timed(lambda run=run: run(1))[0])
            whole[setting].append(_timed(lambda run=run: run(new))[0])
    moved = sum(p.nbytes for name, p in model.named_parameters() if "embed_tokens" not in name)
    return _rows(size, tokens_of, first, whole, read_rate(moved) / moved, new)


def _rows(
    size: Size,
    tokens_of: Mapping[tuple[str, str], Tensor],
    first: Mapping[tuple[str, str], list[float]],
    whole: Mapping[tuple[str, str], list[float]],
    roofline: float,
    new: int,
) -> list[Measurement]:
    expected = next(iter(tokens_of.values()))
    rates = {
        setting: (new - 1) / (statistics.median(whole[setting]) - statistics.median(first[setting]))
        for setting in tokens_of
    }
    reference = max(rate for (name, how), rate in rates.items() if name.startswith("generate") and not how)
    return [
        Measurement(
            size=str(size),
            setting=name,
            compiled=how,
            match=torch.equal(tokens_of[name, how], expected),
            tokens_per_s=rate,
            call_s=statistics.median(whole[name, how]),
            ratio=rate / reference,
            roofline=roofline,
            share=rate / roofline,
        )
        for (name, how), rate in rates.items()
    ]


def _generate(model: Any, tokens: Int[Tensor, "1 P"], extra: Mapping[str, object]) -> Decode:
    settings = {"do_sample": False, "disable_compile": True, **extra}

    def run(new: int) -> Int[Tensor, "N"]:
        mask = torch.ones_like(tokens)
        out = model.generate(tokens, attention_mask=mask, max_new_tokens=new, min_new_tokens=new, **settings)
        return out[0, tokens.shape[1] :]

    return run


def _generate_compiled(model: Any, tokens: Int[Tensor, "1 P"]) -> Decode:
    from transformers import CompileConfig

    anywhere: Any = CompileConfig(fullgraph=False)
    anywhere._compile_all_devices = True  # transformers compiles for accelerators only unless told so
    settings = {"cache_implementation": "static", "disable_compile": False, "compile_config": anywhere}
    return _generate(model, tokens, settings)


class _TorchAttention:
    """`scaled_dot_product_attention` for one unpadded causal row, in one piece or step by step."""

    def __call__(
        self, q: Tensor, k: Tensor, v: Tensor, mask: SequenceMask | PackedMask, *, scale: float | None = None
    ) -> Float[Tensor, "B H Tq Dh"]:
        return F.scaled_dot_product_attention(q, k, v, is_causal=q.shape[2] > 1, scale=scale, enable_gqa=True)


class _Greedy:
    """The most probable token."""

    def choose(self, logits: Float[Tensor, "B V"], view: object) -> Int[Tensor, "B"]:
        return logits.argmax(-1)


def _ours(model: Any, size: Size, attention: AttentionKernel, tokens: Tensor, path: str) -> Decode:
    from valle_core.api import Prompted, SamplerChain, SamplingView, decode_autoregressive, row_seeds

    backbone = _backbone(model, size, attention, path)
    table, head = model.model.embed_tokens.weight.detach(), model.lm_head.weight.detach()
    length = torch.tensor([tokens.shape[1]])
    chain = SamplerChain([_Greedy()])

    def run(new: int) -> Int[Tensor, "N"]:
        prompted = Prompted(
            x=F.embedding(tokens, table),
            mask=SequenceMask.causal(length),
            positions=torch.arange(tokens.shape[1])[None],
        )
        view = SamplingView(seeds=row_seeds(0, [0], device="cpu"), capacity=new)
        decoded = decode_autoregressive(
            backbone,
            prompted,
            lambda token, rows: F.embedding(token[:, None], table),
            lambda h, rows: F.linear(h, head),
            chain,
            view,
            bounds=[new],
            stop=-1,
        )
        return decoded.tokens[0]

    return run


def _backbone(model: Any, size: Size, attention: AttentionKernel, path: str) -> LlamaBackbone:
    options = LlamaOptions(
        d_model=size.d_model,
        n_layers=size.n_layers,
        n_heads=size.d_model // HEAD_WIDTH,
        ffn_dim=4 * size.d_model,
        norm_eps=1e-5,
        decode_step="fused" if path == "fused" else "layers",
    )
    backbone = build(options, attention=attention)
    # assign: the very same memory, so that both sides read it from the same place
    state = {name: weight for name, weight in model.model.state_dict().items() if "embed_tokens" not in name}
    backbone.load_state_dict(state, assign=True)
    return backbone.eval()


def _timed(run: Callable[[], object]) -> tuple[float, object]:
    start = time.perf_counter()
    out = run()
    return time.perf_counter() - start, out
