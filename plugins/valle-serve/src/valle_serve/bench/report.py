"""What clients saw, in figures and as tables."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from valle_serve.bench.measuring import Taken

GROWTH = 1.10
"""Memory at the end of a soak against that after its first fifth, up to which it counts as bounded."""


def row_of(taken: Sequence[Taken], seconds: float) -> dict[str, Any]:
    """The figures of one number of clients."""
    whole = [one for one in taken if not one.lost]
    firsts = sorted(one.first for one in whole)
    return {
        "requests": len(taken),
        "lost": len(taken) - len(whole),
        "reasons": dict(Counter(one.lost for one in taken if one.lost)),
        "requests_per_second": round(len(whole) / max(seconds, 1e-9), 3),
        "first_audio_p50": quantile(firsts, 0.5),
        "first_audio_p99": quantile(firsts, 0.99),
        "without_stall": round(sum(not one.stalled for one in whole) / len(whole), 3) if whole else 0.0,
        "audio_per_second": round(sum(one.audio for one in whole) / max(seconds, 1e-9), 3),
    }


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that this share of the ordered ones does not exceed; 0 of none."""
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 3) if ordered else 0.0


def table(rows: Sequence[dict[str, Any]]) -> str:
    """A line for each number of clients."""
    lines = [
        f"{'clients':>7} {'requests/s':>10} {'first p50':>9} {'p99':>7} {'no stall':>8} {'audio s/s':>9} {'lost':>5}"
    ]
    for row in rows:
        lines.append(
            f"{row['clients']:>7} {row['requests_per_second']:>10.2f} {row['first_audio_p50']:>8.2f}s "
            f"{row['first_audio_p99']:>6.2f}s {row['without_stall']:>8.0%} {row['audio_per_second']:>9.2f} "
            f"{row['lost']:>5}"
        )
    return "\n".join(lines)


def soak_row(taken: Sequence[Taken], memory: Sequence[tuple[float, float]], minutes: float) -> dict[str, Any]:
    """The figures of a soak. Memory counts from its first fifth on, when all is loaded."""
    begun = memory[-1][0] / 5 if memory else 0.0
    settled = [megabytes for at, megabytes in memory if at >= begun]
    base = max(settled[: max(1, len(settled) // 4)], default=0.0)
    end = max(settled[-max(1, len(settled) // 4) :], default=0.0)
    return {
        **row_of(taken, 60 * minutes),
        "minutes": minutes,
        "megabytes_settled": round(base, 1),
        "megabytes_end": round(end, 1),
        "bounded": end <= base * GROWTH,
    }


def soak_table(row: dict[str, Any]) -> str:
    """The soak in words."""
    memory = f"memory {row['megabytes_settled']:g} MB settled, {row['megabytes_end']:g} MB at the end"
    return (
        f"{row['requests']} requests in {row['minutes']:g} minutes, {row['lost']} lost; {memory}: "
        f"{'bounded' if row['bounded'] else 'it grows'}\n{table([{'clients': '', **row}])}"
    )
