"""The package of a third party, as its makers have it; its own tests run where it is installed, not here."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).with_name("acme-valle")
collect_ignore = [PACKAGE.name]


@pytest.fixture(scope="session")
def package() -> Path:
    """Folder of its sources."""
    return PACKAGE


@pytest.fixture(scope="session")
def project(package) -> dict:
    """The `[project]` table of its pyproject.toml."""
    return tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def announce(folder: Path, name: str, version: str, entry_points: dict[str, dict[str, str]]) -> None:
    """The metadata an installer would leave for a distribution."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    groups = [
        f"[{group}]\n" + "".join(f"{n} = {v}\n" for n, v in found.items()) for group, found in entry_points.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(groups), encoding="utf-8")


@pytest.fixture(scope="session")
def installer():
    """`installer(folder, name, version, {group: {name: value}})` writes a distribution's metadata."""
    return announce
