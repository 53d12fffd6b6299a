"""An older result of `bench attention` that a new one is compared with."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from valle_bench.attention.run import key
from valle_bench.attention.settings import Cell
from valle_bench.conversation import with_tuples
from valle_core.plugin import UserError


def read_older(path: Path) -> dict[str, float]:
    """Seconds by `valle_bench.attention.run.key` of the figures that matched.

    Raises:
        UserError: the file cannot be read or is not a result of `bench attention`.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        rows: list[dict[str, Any]] = stored["rows"]
        right = [row for row in rows if row.get("match") and row.get("seconds")]
        found = {key(row["kernel"], _cell(row)): float(row["seconds"]) for row in right}
    except OSError as error:
        raise UserError(f"--compare {path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"--compare {path} is not a result of valle bench attention. Name an attention.json that --out wrote"
        ) from error
    if not found:
        raise UserError(f"--compare {path} holds no figure that matched. Name another attention.json")
    return found


def _cell(row: dict[str, Any]) -> Cell:
    return Cell(**with_tuples({field.name: row[field.name] for field in dataclasses.fields(Cell)}))
