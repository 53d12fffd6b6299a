"""A package nobody selected, whose entry points cannot be read, is named and breaks nothing."""

from __future__ import annotations

import os
from importlib import metadata

import pytest

from valle_cli.metadata import UNASKED, tolerated

REFUSED = (TypeError, ValueError)
"""What Python's own reading raises, by version."""


@pytest.fixture
def odd(tmp_path, monkeypatch):
    for name in UNASKED:
        monkeypatch.setenv(name, os.environ.get(name, ""))
    info = tmp_path / "odd_pkg-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-pkg\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    return info / "entry_points.txt"


@pytest.mark.parametrize(
    "content", [b"[console_scripts]\n; made by hand\nodd = odd:main\n", b"[a]\n\xff\xfe = x:y\n", b"[a]\nno equals\n"]
)
def test_it_is_named_once_and_the_others_are_found(odd, content, capsys):
    odd.write_bytes(content)
    with pytest.raises(REFUSED, match=r".+"):
        metadata.entry_points()
    with tolerated():
        for _ in range(2):
            assert any(found.name == "valle" for found in metadata.entry_points(group="console_scripts"))
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith("warning: the entry_points.txt of odd-pkg 1.0 is not valid")
    with pytest.raises(REFUSED, match=r".+"):  # nothing stays changed
        metadata.entry_points()
