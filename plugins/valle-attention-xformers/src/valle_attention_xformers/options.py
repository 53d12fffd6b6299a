"""Options of the kernel: there are none to set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class XformersOptions:
    """No options."""
