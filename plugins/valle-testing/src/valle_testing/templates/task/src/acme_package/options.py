"""Options of the task (no torch: help panels must be cheap)."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class AcmeNameOptions:
    """Options of `--task acme-name`.

    Attributes:
        min_share: least share of an utterance that becomes the prompt.
        max_share: largest share.
        min_seconds: shortest utterance that is cut; shorter ones are left out.
    """

    min_share: float = 0.1
    max_share: float = 0.7
    min_seconds: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.min_share <= self.max_share < 1:
            raise UserError(
                "task.min_share and task.max_share must be in (0, 1) and in order, "
                f"got {self.min_share} and {self.max_share}"
            )
        if not 0 <= self.min_seconds <= 60:
            raise UserError(f"task.min_seconds must be in [0, 60], got {self.min_seconds}")
