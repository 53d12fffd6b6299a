"""A module as an ONNX graph, and the check that onnxruntime computes what torch computes."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from valle_core.api import UserError

OPSET = 18
CLOSE = 1e-3
"""Largest difference of a number from that of torch, where they are about 1."""

Given = tuple[Tensor, ...]


def export_graph(
    module: nn.Module,
    path: Path,
    *,
    inputs: Mapping[str, Mapping[int, str]],
    outputs: Sequence[str],
    tries: Sequence[Given],
) -> None:
    """Write a graph and run it.

    Args:
        module: in eval mode.
        path: of the file.
        inputs: name → its dimensions that vary, by name; equal names are equal sizes.
        outputs: names.
        tries: inputs; the first is what the graph is made from, all are what it is compared on.

    Raises:
        UserError: it cannot be exported, or onnxruntime gives something else.
    """
    sizes = {name: torch.export.Dim(name) for varying in inputs.values() for name in varying.values()}
    shapes = tuple({place: sizes[name] for place, name in varying.items()} for varying in inputs.values())
    try:
        with torch.no_grad(), quietly():
            torch.onnx.export(
                module.eval(),
                tries[0],
                str(path),
                dynamo=True,
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_shapes=shapes,
                opset_version=OPSET,
                external_data=False,
            )
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        worst = max(difference(module, session, list(inputs), given) for given in tries)
    except Exception as error:
        first = " ".join(str(error).split())[:200]
        raise UserError(f"{path.stem} cannot be exported as ONNX: {type(error).__name__}: {first}") from error
    if not worst < CLOSE:
        raise UserError(f"{path.stem}: onnxruntime is off by {worst:.2g} where at most {CLOSE:g} was expected")


@torch.no_grad()
def difference(module: nn.Module, session: onnxruntime.InferenceSession, names: Sequence[str], given: Given) -> float:
    """Largest difference between what torch and onnxruntime give."""
    expected = module(*given)
    expected = expected if isinstance(expected, tuple) else (expected,)
    found = session.run(None, {name: one.numpy() for name, one in zip(names, given, strict=True)})
    return max(float(np.abs(a - b.numpy()).max(initial=0)) for a, b in zip(found, expected, strict=True))


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """torch's exporter tells its progress on standard output and warns of packages that are not needed."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
