"""ONNX graphs with one more output: the durations that a synthesizer finds on its way."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def open_with_output(path: Path, tensor: str, cache: Path) -> Any:
    """A session of the graph at `path` whose last output is `tensor`; the changed graph is kept in `cache`."""
    import onnx  # pyright: ignore[reportMissingImports]
    import onnxruntime as ort  # pyright: ignore[reportMissingImports]

    changed = cache / f"{path.stem}-{tensor.strip('/').replace('/', '-')}.onnx"
    if not changed.exists():
        graph = onnx.load(str(path))
        graph.graph.output.append(onnx.helper.make_empty_tensor_value_info(tensor))
        cache.mkdir(parents=True, exist_ok=True)
        temporary = changed.with_suffix(".tmp")
        onnx.save(graph, str(temporary))
        temporary.replace(changed)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(str(changed), options, providers=["CPUExecutionProvider"])


def has_tensor(path: Path, tensor: str) -> bool:
    """Whether a node of the graph gives it."""
    import onnx  # pyright: ignore[reportMissingImports]

    return any(tensor in node.output for node in onnx.load(str(path)).graph.node)
