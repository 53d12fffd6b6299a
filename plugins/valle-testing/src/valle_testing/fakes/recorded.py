"""What a CUDA graph does, on any device: the operations of one call, done again with the tensors of that call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

READS = frozenset(
    {"_local_scalar_dense", "item", "is_nonzero", "equal", "nonzero", "masked_select", "unique", "_unique2",
     "resolve_neg", "lift_fresh"}
)  # fmt: skip
"""Operations that read values of a tensor (`tolist` is seen by its `resolve_neg`), or bring some from the host."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """See `valle_kit.graphs.capture.Captured`.

    Attributes:
        out: what the call gave; each replay writes into it.
        replay: does it once more, without Python's part of it.
        operations: how many it consists of.
    """

    out: Tensor
    replay: Callable[[], object]
    operations: int


def by_recording(run: Callable[[], Tensor], undo: Callable[[], None]) -> Recorded:
    """A `valle_kit.graphs.capture.Capture` for tests: what Python computed stays as it was, as in a graph.

    Raises `RuntimeError` where the call reads a tensor's values, as a capture does.
    """
    run()
    undo()
    record = _Record()
    with record:
        out = run()
    undo()
    return Recorded(out, record.again, len(record.done))


class _Record(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.done: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in READS or any(one.dtype == torch.bool for one in _indices(name, args)):
            raise RuntimeError(f"operation {name} is not permitted in a capture: it reads the device")
        out = func(*args, **(kwargs or {}))
        self.done.append((func, *tree_map(_address, (args, kwargs or {})), out))
        return out

    def again(self) -> None:
        """Each operation, its results where they were."""
        with torch.no_grad():
            for func, args, kwargs, out in self.done:
                given = {_place(one) for one in _tensors((args, kwargs))}
                fresh = _tensors(func(*args, **kwargs))
                for old, new in zip(_tensors(out), fresh, strict=True):
                    if _place(old) not in given:  # neither a view nor written in place
                        old.copy_(new)


def _tensors(tree: Any) -> list[Tensor]:
    return [one for one in tree_leaves(tree) if isinstance(one, Tensor)]


def _address(x: Any) -> Any:
    """The memory that is read now, also where a parameter is given other memory later."""
    return x.detach() if isinstance(x, Tensor) and not x.is_mkldnn else x


def _place(x: Tensor) -> int:
    """Where its memory begins."""
    return id(x) if x.is_mkldnn else x.untyped_storage().data_ptr()


def _indices(name: str, args: Any) -> list[Tensor]:
    return _tensors(args[1]) if name in ("index", "index_put", "index_put_") else []
