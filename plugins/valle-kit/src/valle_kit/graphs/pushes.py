"""Pushes of a codec's stack as graphs: once a stream runs evenly, a push is a function of its input and the states."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import is_dataclass
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

from valle_kit.codes.stack import Stack
from valle_kit.graphs.pure import PureGraphs


def pushed(graphs: PureGraphs, kind: Hashable, stack: Stack, x: Tensor) -> Tensor | None:
    """What `stack.push(x)` gives, with the states gone on, or None where it must be pushed.

    The states of a stack are tensors and numbers. A push is replayed where the one before it, of as much, left all
    numbers and shapes as they were. `kind` says which layers the stack has.
    """
    held = _held(stack)
    form = x.shape, _form(held)
    if None in form or stack.even != form:
        stack.even = form
        return None

    def push(inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        x, *mine = inputs
        _put(held, mine)
        try:
            return [stack.push(x), *_tensors(_held(stack))]
        finally:
            for owner, name, value in held:
                setattr(owner, name, value)

    found = graphs((kind, form), push, [x, *_tensors(held)])
    if found is None:
        return None
    _put(held, found[1:])
    return found[0]


_Held = Sequence[tuple[Any, str, Any]]
"""Of each attribute of the states: whose it is, its name and its value."""


def _held(stack: Stack) -> _Held:
    found: list[tuple[Any, str, Any]] = []
    for state in stack.states:
        for name, value in getattr(state, "__dict__", {"": state}).items():
            found += _held(value) if isinstance(value, Stack) else [(state, name, value)]
    return found


def _tensors(held: _Held) -> list[Tensor]:
    return [one for _, _, value in held for one in tree_leaves(value) if isinstance(one, Tensor)]


def _put(held: _Held, tensors: Sequence[Tensor]) -> None:
    """Give the attributes other tensors, in their order."""
    given = iter(tensors)
    for owner, name, value in held:
        leaves, tree = tree_flatten(value)
        if any(isinstance(one, Tensor) for one in leaves):
            new = [next(given) if isinstance(one, Tensor) else one for one in leaves]
            setattr(owner, name, tree_unflatten(new, tree))


def _form(held: _Held) -> Hashable:
    """Shapes and numbers; None where a state holds something else that may change."""
    form: list[Hashable] = []
    for _, name, value in held:
        for one in tree_leaves(value):
            if isinstance(one, Tensor):
                form.append((name, one.shape))
            elif one is None or isinstance(one, (bool, int, float, str)):
                form.append((name, one))
            elif not _fixed(one):
                return None
    return tuple(form)


def _fixed(value: Any) -> bool:
    """Whether it is a part of a layer and no state."""
    frozen = is_dataclass(value) and value.__dataclass_params__.frozen  # type: ignore[attr-defined]
    return frozen or isinstance(value, (nn.Module, Callable))
