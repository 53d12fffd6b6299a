"""Options of `auto`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class AutoOptions:
    """Options of `--attention auto`.

    Attributes:
        measure: time every kernel that can run, once for each device, dtype, head width, range of lengths and form of
            mask; what was found is kept in the user's cache folder.
    """

    measure: bool = False
