"""A distribution as an installer leaves it, for tests that put one on the path."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path


def announce(
    folder: Path, name: str, entries: Mapping[str, Mapping[str, str]], *, version: str = "1.0", **modules: str
) -> Path:
    """Write its metadata into `folder`, with entry points {group: {name: value}}, and `modules` {name: source}.

    Returns:
        The folder of the metadata.
    """
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nText\n")
    groups = [f"[{group}]\n" + "".join(f"{n} = {v}\n" for n, v in found.items()) for group, found in entries.items()]
    (info / "entry_points.txt").write_text("\n".join(groups))
    for module, source in modules.items():
        (folder / f"{module}.py").write_text(textwrap.dedent(source))
    return info
