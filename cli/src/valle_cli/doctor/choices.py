"""What a command takes when the user names nothing, why, and whether it would work here."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version

from valle_cli.doctor.finding import Finding
from valle_core.config.layer import layers
from valle_core.config.resolve import chosen
from valle_core.config.schema import Schema
from valle_core.plugin import UserError
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry

PYTHONS = ((3, 11), (3, 12))


def machine_findings() -> Iterator[Finding]:
    """Python, torch and the device that `auto` means; imports torch."""
    if sys.version_info[:2] not in PYTHONS:
        known = " and ".join(".".join(map(str, one)) for one in PYTHONS)
        text = f"{platform.python_version()} is untried; valle is made for {known}"
        yield Finding(severity="warning", subject="python", text=text)
    device, why = automatic_device()
    if not device:
        yield Finding(severity="problem", subject="torch", text=why, hint="pip install torch")
        return
    text = f"python {platform.python_version()}, torch {version('torch')}; device auto is {device}: {why}"
    yield Finding(severity="ok", subject="machine", text=text)


def automatic_device() -> tuple[str, str]:
    """(device that `auto` picks, why), or ("", what is wrong with torch)."""
    try:
        version("torch")
    except PackageNotFoundError:
        return "", "is not installed"
    try:
        import torch

        from valle_core.assemble.device import choose_device
    except Exception as error:
        return "", f"cannot be imported: {' '.join(str(error).split())}"
    device = choose_device("auto").type
    if device == "cuda":
        return device, torch.cuda.get_device_name()
    if torch.version.cuda is None:
        return device, "this torch is built without CUDA"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    return device, "no CUDA device is seen" + (f" (CUDA_VISIBLE_DEVICES={hidden})" if hidden is not None else "")


def default_findings(registry: Registry, schemas: Mapping[str, Schema], device: str) -> Iterator[Finding]:
    """The plugins each command takes by default, checked as a run would check them.

    Args:
        registry: where they are looked up.
        schemas: command → what it can be configured with.
        device: where it would run.
    """
    taken: dict[str, None] = {}
    for command, schema in schemas.items():
        names = chosen(schema, layers(schema))
        choices = {slot.name: (slot.kind, names[slot.name]) for slot in schema.slots}
        try:
            preflight(registry, choices, device=device)
        except UserError as error:
            for line in str(error).splitlines():
                text = f"its default cannot be used: {line}"
                yield Finding(severity="warning", subject=f"valle {command}", text=text)
        taken |= {f"{slot} {' · '.join(of)}": None for slot, (_, of) in choices.items() if of}
    yield Finding(severity="ok", subject="defaults", text=", ".join(taken))
