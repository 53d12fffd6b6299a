"""What an object holds, kept to be put back after it has been changed."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class Snapshot:
    """The attributes of an object: tensors, and lists, tuples and dictionaries of some, are copied; others are kept."""

    def __init__(self, of: object) -> None:
        self._of = of
        slots = [name for one in type(of).__mro__ for name in getattr(one, "__slots__", ())]
        names = [*getattr(of, "__dict__", ()), *(name for name in slots if hasattr(of, name))]
        self._held = {name: _copied(getattr(of, name)) for name in names}

    def restore(self) -> None:
        """Put them back; may be done once."""
        for name, value in self._held.items():
            setattr(self._of, name, value)


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
        return value.clone()
    if type(value) is dict:
        return {key: _copied(one) for key, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_copied(one) for one in value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_copied(one) for one in value))
    return value
