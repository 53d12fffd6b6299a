"""A case of `valle bench decode`: a step exported to ONNX and run by onnxruntime, beside ours on equal weights."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from valle_core.api import (
    Prompted,
    Registry,
    SamplerChain,
    SamplingView,
    Schema,
    Slot,
    UserError,
    build,
    decode_autoregressive,
    preflight,
    resolve,
    row_seeds,
)
from valle_core.types import SequenceMask
from valle_kit.decode_rates import Greedy, in_turns

VOCABULARY = 1024
SIZES = ((256, 4), (512, 8))
"""Width and layers."""
_SCHEMA = Schema(slots=(Slot("arch", "arch", "llama"), Slot("attention", "attention", "sdpa")))

Decode = Callable[[int], list[int]]
"""Number of tokens → the greedy ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """One way at one size, one row, greedy, float32, CPU.

    Attributes:
        size: of the model.
        setting: whose loop.
        compiled: how machine code was made for this model ("" for none).
        match: its tokens are those of the exported graph.
        tokens_per_s: new tokens per second after the prompt has been read.
        call_s: seconds of the whole call, prompt included.
        ratio: tokens_per_s over that of the exported graph.
        batch: rows at once.
    """

    size: str
    setting: str
    compiled: str
    match: bool
    tokens_per_s: float
    call_s: float
    ratio: float
    batch: int = 1


class OneLevel(nn.Module):
    """What `DecodingStep` reads of a model: a backbone between one table of codes and one head."""

    def __init__(self, backbone: Any) -> None:
        super().__init__()
        self.backbone, self.embedding = backbone, Table(backbone.d_model)
        self.heads, self.vocabulary = Head(), OneRange()


class OneRange:
    """One level of codes; its condition is the last row of the table."""

    num_levels = 1

    def ranges(self) -> dict[str, range]:
        return {"level": range(VOCABULARY, VOCABULARY + 1)}


class Table(nn.Module):
    """A row for each code, and one for the level."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(VOCABULARY + 1, d_model))

    def rows(self) -> Float[Tensor, "V D"]:
        return self.table


class Head(nn.Module):
    """The codes' own rows answer, as they stand apart."""

    def matrix(self, level: int, embedding: Table) -> tuple[Float[Tensor, "V D"], Float[Tensor, "V"]]:
        weight = embedding.table[:VOCABULARY]
        return weight, weight.new_zeros(VOCABULARY)


def compare(
    *,
    part: str = "",
    new_tokens: int = 100,
    prompt_tokens: int = 200,
    repeats: int = 5,
    threads: int = 2,
    compiled: bool = False,
) -> list[Measurement]:
    """Both ways at both sizes, in turns; the median counts. `compiled` is of no meaning here.

    Raises:
        UserError: onnxruntime or the exporter is missing.
    """
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise UserError(f"needs {', '.join(missing)}. Install it with: valle plugins install 'valle-export[onnx]'")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return [
            row
            for width, layers in SIZES
            if part in ("", _name(width, layers))
            for row in _compare_one(width, layers, new_tokens, prompt_tokens, repeats, threads)
        ]
    finally:
        torch.set_num_threads(before)


def _name(width: int, layers: int) -> str:
    return f"d{width} x {layers} layers"


compare.parts = tuple(_name(*size) for size in SIZES)  # type: ignore[attr-defined]


def _compare_one(width: int, layers: int, new: int, prompt: int, repeats: int, threads: int) -> list[Measurement]:
    torch.manual_seed(0)
    model = OneLevel(_backbone(width, layers)).eval()
    tokens = torch.randint(VOCABULARY, (1, prompt))
    ways: dict[str, Decode] = {"exported ONNX": exported(model, tokens, threads), "valle": ours(model, tokens)}
    found = {name: way(new) for name, way in ways.items()}  # also the warm-up
    rates = dict(zip(ways, in_turns([*ways.values()], new, repeats), strict=True))
    fused = type(model.backbone).__name__ == "LlamaBackbone" and find_spec("numba") is not None
    return [
        Measurement(
            size=_name(width, layers),
            setting=name,
            compiled="numba" if fused and name == "valle" else "",
            match=found[name] == found["exported ONNX"],
            tokens_per_s=rates[name].tokens_per_s,
            call_s=rates[name].call_s,
            ratio=rates[name].tokens_per_s / rates["exported ONNX"].tokens_per_s,
        )
        for name in ways
    ]


def _backbone(width: int, layers: int) -> Any:
    """A llama with random weights, ready to decode."""
    registry, heads = Registry.open(), str(width // 64)
    sizes = {"arch.d_model": str(width), "arch.n_layers": str(layers), "arch.n_heads": heads}
    resolved = resolve(_SCHEMA, registry, flags=list(sizes.items()))
    selected = preflight(registry, resolved.choices(), device="cpu")
    kernel = build(selected["attention"][0], resolved.part("attention").options)
    backbone: Any = build(selected["arch"][0], resolved.part("arch").options, attention=kernel).eval()
    if hasattr(backbone, "make_ready"):
        backbone.make_ready(lambda line: None)
    return backbone


def exported(model: OneLevel, tokens: Int[Tensor, "1 P"], threads: int) -> Decode:
    """The loop of `valle_export.onnx.runtime` over the graph of `DecodingStep`."""
    import numpy as np
    import onnxruntime

    from valle_export.onnx.exporting import export_graph
    from valle_export.onnx.graphs import DecodingStep, attention_stack

    sizes: Any = attention_stack(model.backbone).sizes
    layers, heads, width = sizes.n_layers, sizes.n_kv_heads, sizes.head_dim

    def given(T: int, S: int) -> tuple[Tensor, ...]:
        past = torch.randn(2, layers, 1, heads, S, width)
        return torch.randint(VOCABULARY, (1, T, 1)), past[0], past[1]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "step.onnx"
        export_graph(
            DecodingStep(model),
            path,
            inputs={"indices": {1: "T"}, "keys": {3: "S"}, "values": {3: "S"}},
            outputs=("logits", "new_keys", "new_values"),
            tries=[given(7, 5), given(20, 0), given(1, 9)],
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(new: int) -> list[int]:
        keys = values = np.zeros((layers, 1, heads, 0, width), dtype=np.float32)
        rows, found = tokens[..., None].numpy(), list[int]()
        for _ in range(new):
            logits, keys, values = session.run(None, {"indices": rows, "keys": keys, "values": values})
            found.append(int(logits[0].argmax()))
            rows = np.array([[[found[-1]]]])
        return found

    return run


def ours(model: OneLevel, tokens: Int[Tensor, "1 P"]) -> Decode:
    """The loop of `valle_core.synthesis.autoregressive`."""
    table, P = model.embedding.table.detach(), tokens.shape[1]
    chain = SamplerChain([Greedy()])

    def run(new: int) -> list[int]:
        with torch.inference_mode():
            decoded = decode_autoregressive(
                model.backbone,
                Prompted(
                    x=F.embedding(tokens, table),
                    mask=SequenceMask.causal(torch.tensor([P])),
                    positions=torch.arange(P)[None],
                ),
                lambda token, rows: F.embedding(token[:, None], table),
                lambda h, rows: F.linear(h, table[:VOCABULARY]),
                chain,
                SamplingView(seeds=row_seeds(0, range(1), device="cpu"), capacity=new),
                bounds=[new],
                stop=-1,
            )
        return decoded.tokens[0].tolist()

    return run
