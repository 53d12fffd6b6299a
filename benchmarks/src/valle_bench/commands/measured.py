"""What the commands `valle bench …` share: options, where they measured, and the answer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from valle_bench.machine import describe, provenance
from valle_core.command import CommandResult
from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchOptions:
    """How it measures, and where the tables go.

    Attributes:
        cell_seconds: skip measurements expected to take longer than this many seconds
        device: torch device to measure on
        force: measure although other processes use the machine
    """

    quick: bool = False
    set: tuple[str, ...] = ()
    cell_seconds: float | None = None
    device: str = "cpu"
    force: bool = False
    out: Path | None = None

    def __post_init__(self) -> None:
        if self.cell_seconds is not None and not self.cell_seconds >= 0.1:
            raise UserError(f"cell_seconds must be at least 0.1, got {self.cell_seconds:g}")
        if self.out is not None and self.out.exists() and not self.out.is_dir():
            raise UserError(f"--out {self.out} is a file. Name a folder")


class Measured(Protocol):
    """A report that can be shown and kept."""

    def text(self) -> str: ...

    def to_json(self) -> Any: ...

    def save(self, folder: Path) -> Sequence[Path]: ...


def own_options(settings: Sequence[str], names: Sequence[str], kind: str) -> dict[str, dict[str, str]]:
    """`"retnet.n_heads=8"` by plugin and option. Raises `UserError` for another form or a plugin not measured."""
    found: dict[str, dict[str, str]] = {}
    for text in settings:
        path, equals, value = text.partition("=")
        name, dot, option = path.strip().rpartition(".")
        if not (equals and dot and name in names):
            raise UserError(f"--set {text}: expected {kind.upper()}.OPTION=VALUE with one of {', '.join(names)}")
        found.setdefault(name, {})[option.replace("-", "_")] = value
    return found


def numbers(text: str, least: float, most: float, expected: str, number: Callable[[str], Any]) -> tuple[Any, ...]:
    """`"256,1024"` as numbers in [least, most], ascending. Raises `UserError` that says what was `expected`."""
    try:
        found = sorted({number(word) for word in text.split(",")})
    except ValueError:
        raise UserError(f"{expected}, got '{text}'") from None
    if not least <= found[0] <= found[-1] <= most:
        raise UserError(f"{expected}, got '{text}'")
    return tuple(found)


def facts_of(own: BenchOptions, device: Any, packages: Sequence[str], left_out: Mapping[str, str]) -> dict[str, Any]:
    """Where and with what it measures. Raises `UserError` where others keep the machine busy, unless forced."""
    import torch

    facts = {**describe(force=own.force), **provenance(packages), "device": str(device)}
    facts |= {"threads": torch.get_num_threads()}
    facts |= {"accelerator": torch.cuda.get_device_name(device)} if device.type == "cuda" else {}
    missing = "; ".join(f"{name} ({why})" for name, why in left_out.items())
    return facts | {"quick": own.quick, "left_out": missing or "nothing"}


def answer(report: Measured, facts: Mapping[str, Any], picture: Path | None, draw: Callable[[Path], object]) -> Any:
    """Keep tables and picture in the picture's folder, where one is given, and show the report."""
    if picture is not None:
        draw(picture)
        for path in (*report.save(picture.parent), picture):
            sys.stderr.write(f"wrote {path}\n")
    load = f"{facts['cores']} cores, {facts['cores_in_use_by_others']} in use by others"
    return CommandResult(text=f"{report.text()}\n\n{load}", facts=report.to_json())
