"""Speak from Python: `valle.load().speak("Any text")`; importing it imports nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from valle.speaker import Speaker, load

__all__ = ["Speaker", "load"]


def __getattr__(name: str) -> Any:
    """Fetch `load` or `Speaker` when it is first used. Raises `AttributeError` for any other name."""
    if name not in __all__:
        raise AttributeError(f"module 'valle' has no attribute '{name}'")
    from valle import speaker

    return getattr(speaker, name)


def __dir__() -> list[str]:
    return sorted(__all__)
