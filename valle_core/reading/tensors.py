"""Tensors of safetensors files that may be damaged or lie: a `ValueError` of one line, never a crash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from valle_core.reading.place import regular


@contextmanager
def damage_named() -> Iterator[None]:
    """Turn what safetensors and torch raise over a file that lies into `ValueError`; `OSError` passes."""
    try:
        yield
    except OSError:
        raise
    except (SafetensorError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, OverflowError) as error:
        raise ValueError(" ".join(str(error).split())[:200] or type(error).__name__) from error


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file, mapped. Raises `OSError`, or `ValueError` saying what is wrong with it."""
    with damage_named():
        return load_file(regular(path))


def map_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors of a file and the text beside them. Raises as `read_tensors`."""
    with damage_named(), safe_open(regular(path), framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118


def expanded(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors as those of `wanted`, where some are stored in half precision, or as whole numbers with a scale for
    each row: `x` is then `x · x.scale` at the places `x.rows` of its first dimension, else zero. Raises `ValueError`.
    """
    half = {torch.bfloat16, torch.float16}
    full = {
        name: one.to(wanted[name].dtype) if one.dtype in half and name in wanted else one for name, one in found.items()
    }
    for name in [name for name in wanted if f"{name}.scale" in found.keys() - wanted.keys()]:
        with damage_named():
            values, scale, rows = (full.pop(f"{name}{part}") for part in ("", ".scale", ".rows"))
            if values.shape != (len(rows), *wanted[name].shape[1:]):
                raise ValueError(f"tensor '{name}' has {len(rows)} rows of another shape, {list(values.shape)}")
            full[name] = torch.zeros_like(wanted[name])
            full[name][rows.long()] = (values * scale[..., None]).to(wanted[name].dtype)
    return full


def check_tensors(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Compare names, shapes and types before anything is copied.

    Raises:
        ValueError: naming the first that is missing, unknown, or of another shape or type.
    """
    missing, unknown = wanted.keys() - found.keys(), found.keys() - wanted.keys()
    for what, names in (("is missing", missing), ("is unknown here", unknown)):
        if names:
            more = f", as {'are' if len(names) > 2 else 'is'} {len(names) - 1} more" if len(names) > 1 else ""
            raise ValueError(f"tensor '{min(names)}' {what}{more}")
    for name, tensor in wanted.items():
        if found[name].shape != tensor.shape:
            raise ValueError(f"tensor '{name}' must be {list(tensor.shape)}, got {list(found[name].shape)}")
        if found[name].dtype != tensor.dtype:
            kinds = (str(one.dtype).removeprefix("torch.") for one in (tensor, found[name]))
            raise ValueError("tensor '{}' must be {}, got {}".format(name, *kinds))
