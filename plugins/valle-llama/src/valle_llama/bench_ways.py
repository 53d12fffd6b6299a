"""The ways of decoding that `valle bench decode` compares, over the very same weights, prompt and greedy choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from valle_core.interfaces import AttentionKernel
from valle_core.types import PackedMask, SequenceMask
from valle_kit.decode_rates import Greedy
from valle_kit.quantized import quantize
from valle_llama.backbone import LlamaBackbone
from valle_llama.factory import build
from valle_llama.options import LlamaOptions

VOCABULARY = 1024
HEAD_WIDTH = 64

Decode = Callable[[int], Int[Tensor, "B N"]]
"""Number of new tokens → the tokens of each row."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """One model of the comparison; the feed-forward layer is 4 · d_model wide."""

    d_model: int
    n_layers: int

    def __str__(self) -> str:
        return f"d {self.d_model}, {self.n_layers} layers"


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """One way of decoding.

    Attributes:
        setting: whose loop, with which cache or path.
        run: decodes.
        batch: rows at once.
        compiled: how machine code was made for this model ("" for none).
        backbone: ours, or None.
    """

    setting: str
    run: Decode
    batch: int = 1
    compiled: str = ""
    backbone: LlamaBackbone | None = None

    @property
    def moved(self) -> int:
        """Bytes of weights that a step of this way reads beside the head's; 0 for another's."""
        held: Any = self.backbone
        return 0 if held is None else sum(one.nbytes for one in held.state_dict().values())


def llama_of(size: Size, positions: int) -> Any:
    """`LlamaForCausalLM` with random weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=size.d_model,
        intermediate_size=4 * size.d_model,
        num_hidden_layers=size.n_layers,
        num_attention_heads=size.d_model // HEAD_WIDTH,
        rms_norm_eps=1e-5,
        max_position_embeddings=positions,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
    )
    return LlamaForCausalLM(config).eval()


def generate(model: Any, tokens: Int[Tensor, "B P"], cache: str) -> Decode:
    """transformers' own loop, with its "dynamic" or "static" cache, the second also "compiled"."""
    settings: dict[str, Any] = {"do_sample": False, "disable_compile": True}
    if cache != "dynamic":
        settings["cache_implementation"] = "static"
    if cache == "compiled":
        from transformers import CompileConfig

        anywhere: Any = CompileConfig(fullgraph=False)
        anywhere._compile_all_devices = True  # transformers compiles for accelerators only unless told so
        settings |= {"disable_compile": False, "compile_config": anywhere}

    def run(new: int) -> Int[Tensor, "B N"]:
        mask = torch.ones_like(tokens)
        out = model.generate(tokens, attention_mask=mask, max_new_tokens=new, min_new_tokens=new, **settings)
        return out[:, tokens.shape[1] :]

    return run


def backbone_of(model: Any, size: Size, attention: AttentionKernel, path: str) -> LlamaBackbone:
    """Ours on the model's weights: by "layers", by the "fused" step, or by that with "int8" weights."""
    options = LlamaOptions(
        d_model=size.d_model,
        n_layers=size.n_layers,
        n_heads=size.d_model // HEAD_WIDTH,
        ffn_dim=4 * size.d_model,
        norm_eps=1e-5,
        decode_step="layers" if path == "layers" else "fused",
    )
    backbone = build(options, attention=attention)
    # assign: the very same memory, so that both sides read it from the same place
    state = {name: weight for name, weight in model.model.state_dict().items() if "embed_tokens" not in name}
    backbone.load_state_dict(state, assign=True)
    quantize(backbone.eval(), "int8" if path == "int8" else "none")
    return backbone


def ours(model: Any, backbone: LlamaBackbone, tokens: Int[Tensor, "B P"]) -> Decode:
    """The loop of `valle_core.synthesis.autoregressive`."""
    from valle_core.api import Prompted, SamplerChain, SamplingView, decode_autoregressive, row_seeds

    table, head = model.model.embed_tokens.weight.detach(), model.lm_head.weight.detach()
    B, P = tokens.shape
    chain = SamplerChain([Greedy()])

    def run(new: int) -> Int[Tensor, "B N"]:
        prompted = Prompted(
            x=F.embedding(tokens, table),
            mask=SequenceMask.causal(torch.full((B,), P)),
            positions=torch.arange(P).expand(B, -1),
        )
        view = SamplingView(seeds=row_seeds(0, range(B), device="cpu"), capacity=new)
        decoded = decode_autoregressive(
            backbone,
            prompted,
            lambda token, rows: F.embedding(token[:, None], table),
            lambda h, rows: F.linear(h, head),
            chain,
            view,
            bounds=[new] * B,
            stop=-1,
        )
        return torch.stack(decoded.tokens)

    return run


@torch.inference_mode()
def logits_after(model: Any, backbone: LlamaBackbone, tokens: Int[Tensor, "B N"], prompt: int) -> Float[Tensor, "B V"]:
    """Of the last of some tokens, those behind the prompt read one by one."""
    table, (B, N) = model.model.embed_tokens.weight, tokens.shape
    x = F.embedding(tokens, table)
    cache = backbone.new_cache(B, N, torch.float32, torch.device("cpu"))
    start = torch.full((B,), prompt)
    backbone(x[:, :prompt], SequenceMask.causal(start), torch.arange(prompt).expand(B, -1), cache=cache)
    h = x[:, 0]
    for place in range(prompt, N):
        h = backbone.step(x[:, place : place + 1], cache)
    return F.linear(h, model.lm_head.weight)


def invariant(backbone: LlamaBackbone, batch: int = 6) -> bool:
    """Whether a row gets the same bits alone and among so many."""
    torch.manual_seed(1)
    steps = torch.randn(4, batch, 1, backbone.d_model)

    def states(rows: slice) -> list[Tensor]:
        count = len(range(batch)[rows])
        cache = backbone.new_cache(count, len(steps), torch.float32, torch.device("cpu"))
        with torch.inference_mode():
            return [backbone.step(one[rows], cache)[0] for one in steps]

    return all(map(torch.equal, states(slice(0, 1)), states(slice(None))))


class TorchAttention:
    """`scaled_dot_product_attention` for unpadded causal rows, in one piece or step by step."""

    def __call__(
        self, q: Tensor, k: Tensor, v: Tensor, mask: SequenceMask | PackedMask, *, scale: float | None = None
    ) -> Float[Tensor, "B H Tq Dh"]:
        return F.scaled_dot_product_attention(q, k, v, is_causal=q.shape[2] > 1, scale=scale, enable_gqa=True)


def weights_of(model: Any) -> Mapping[str, Tensor]:
    """All that a step reads."""
    return {name: weight for name, weight in model.named_parameters() if "embed_tokens" not in name}
