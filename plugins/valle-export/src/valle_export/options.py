"""What `valle export` can be told (standard library only)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from valle_core.plugin import UserError

Dtype = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportOptions:
    """What is exported, and as what.

    Attributes:
        run: run or checkpoint folder; for gguf also a folder of `valle export-llama`
        out: new folder to write
        format: safetensors, which valle loads; onnx, for onnxruntime; gguf, level 0 of llama for llama.cpp
        dtype: data type to store the weights in
        weights: average (the moving average, where the run kept one) or current (those that training goes on from)
        merge: merge the adapters of the model into its weights (needs valle-lora)
        licence: licence of the weights for the model card, as the Hub spells it, e.g. apache-2.0
    """

    run: Path
    out: Path
    format: Literal["safetensors", "onnx", "gguf"] = "safetensors"
    dtype: Dtype = "float32"
    weights: Literal["average", "current"] = "average"
    merge: bool = False
    licence: str = ""

    def __post_init__(self) -> None:
        if self.merge and self.weights == "current":
            raise UserError("--merge merges into the average; leave --weights current out")
