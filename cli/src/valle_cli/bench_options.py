"""What the benchmarks of plugins share on the command line."""

from __future__ import annotations

from typing import Any

from valle_core.plugin import UserError


def own_options(settings: list[str], names: list[str], kind: str) -> dict[str, dict[str, str]]:
    """`"retnet.n_heads=8"` by plugin and option. Raises `UserError` for another form or a plugin not measured."""
    found: dict[str, dict[str, str]] = {}
    for text in settings:
        path, equals, value = text.partition("=")
        name, dot, option = path.strip().rpartition(".")
        if not (equals and dot and name in names):
            raise UserError(f"--set {text}: expected {kind.upper()}.OPTION=VALUE with one of {', '.join(names)}")
        found.setdefault(name, {})[option.replace("-", "_")] = value
    return found


def hardware(device: Any) -> dict[str, object]:
    """Threads, and the name of an accelerator."""
    import torch

    facts: dict[str, object] = {"device": str(device), "threads": torch.get_num_threads()}
    return facts | ({"accelerator": torch.cuda.get_device_name(device)} if device.type == "cuda" else {})
