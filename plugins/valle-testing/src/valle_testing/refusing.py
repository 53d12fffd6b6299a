"""Whether something is refused as a user has to be refused."""

from __future__ import annotations

from collections.abc import Callable

from valle_core.plugin import UserError


def refused(call: Callable[[], object]) -> bool:
    """Whether it raises `UserError`; anything else it raises passes through."""
    try:
        call()
    except UserError:
        return True
    return False
