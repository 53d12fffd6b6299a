"""A package nobody selected, whose entry points cannot be read, is named and breaks nothing."""

from __future__ import annotations

import os
import subprocess
import sys
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


def test_it_is_named_too_where_the_reader_of_metadata_is_imported_late(odd):
    odd.write_bytes(b"[a]\nno equals\n")
    code = (
        "import sys; from valle_cli.metadata import tolerated\n"
        "with tolerated():\n"
        "    assert 'importlib.metadata' not in sys.modules\n"
        "    from importlib import metadata\n"
        "    assert metadata.entry_points(group='console_scripts')\n"
        "try:\n    metadata.entry_points()\nexcept (TypeError, ValueError):\n    print('as before')"
    )
    environment = os.environ | {"PYTHONPATH": str(odd.parent.parent)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "as before\n"
    assert done.stderr.startswith("warning: the entry_points.txt of odd-pkg 1.0 is not valid")


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
