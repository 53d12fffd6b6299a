"""The kind `draft` (standard library and `valle_core.plugin` only)."""

from __future__ import annotations

from valle_core.plugin import Kind

DRAFT = Kind(
    name="draft",
    group="valle.draft",
    interface="valle_draft.contracts:Draft",
    api=1,
    suite="",
    on_device=True,
    in_dtype=True,
    usual="heads",
)
