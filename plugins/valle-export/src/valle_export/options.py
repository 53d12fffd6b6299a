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
        run: run or checkpoint folder; for onnx also a voice box, for gguf a folder of `valle export-llama`
        out: new folder to write
        format: safetensors, which valle loads; onnx, for onnxruntime; gguf, level 0 of llama for llama.cpp
        nar_model: run or checkpoint folder for codec levels ≥ 1, where they were trained separately; for onnx
        dtype: data type to store the weights in
        weights: average (the moving average, where the run kept one) or current (those that training goes on from)
        merge: merge the adapters of the model into its weights (needs valle-lora)
        licence: licence of the weights for the model card, as the Hub spells it, e.g. apache-2.0
    """

    run: Path
    out: Path
    format: Literal["safetensors", "onnx", "gguf"] = "safetensors"
    nar_model: Path | None = None
    dtype: Dtype = "float32"
    weights: Literal["average", "current"] = "average"
    merge: bool = False
    licence: str = ""

    def __post_init__(self) -> None:
        if self.nar_model is not None and self.format != "onnx":
            raise UserError("--nar-model is for --format onnx; other formats take each half by itself")
        if self.merge and self.weights == "current":
            raise UserError("--merge merges into the average; leave --weights current out")
