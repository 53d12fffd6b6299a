"""Applies a selected rewrite to a backbone."""

from __future__ import annotations

from typing import Any

from valle_core.assemble.part import build
from valle_core.interfaces import Backbone, Rewrite
from valle_core.plugin import UserError
from valle_core.registry.loading import one_line
from valle_core.registry.select import Selected


def rewritten(backbone: Any, selected: Selected, options: Any) -> Backbone:
    """The backbone after one rewrite; the one given is used up.

    Raises:
        UserError: naming the rewrite, when there is nothing for it to replace, it raises, or it gives no backbone.
    """
    who = f"{selected.kind} '{selected.name}' ({selected.entry.owner})"
    rewrite: Rewrite = build(selected, options)
    try:
        result = rewrite.apply(backbone)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{who} could not be applied: {one_line(error)}") from error
    if not isinstance(result, Backbone):
        raise UserError(f"{who} is broken: it gave back a {type(result).__name__}, which is not a backbone")
    return result
