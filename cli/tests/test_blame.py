"""An error inside a plugin names the plugin, whatever called it."""

from __future__ import annotations

import sys

import pytest

from valle_cli.blame import culprit


@pytest.fixture
def site(tmp_path, monkeypatch):
    def add(points: str) -> None:
        info = tmp_path / "acme_valle-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-valle\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(points)
        package = tmp_path / "acme_blamed"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "net.py").write_text("def forward(call):\n    return call()\n")
        monkeypatch.syspath_prepend(tmp_path)

    yield add
    for name in [name for name in sys.modules if name.startswith("acme_blamed")]:
        del sys.modules[name]


def raised(call) -> Exception:
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize("deep", [lambda: 1 / 0, lambda: __import__("json").loads("{")], ids=["its own", "a library's"])
def test_the_innermost_plugin_on_the_way_is_named_with_its_line(site, deep):
    site("[valle.arch]\nacme = acme_blamed.plugin:SPEC\n")
    from acme_blamed.net import forward  # type: ignore[import-not-found]

    assert culprit(raised(lambda: forward(deep))) == "arch 'acme' (acme-valle 1.0), net.py line 2"


def test_of_several_plugins_the_distribution_is_named(site):
    site("[valle.arch]\nacme = acme_blamed.plugin:SPEC\n[valle.codec]\nother = acme_blamed.plugin:OTHER\n")
    from acme_blamed.net import forward  # type: ignore[import-not-found]

    assert culprit(raised(lambda: forward(lambda: 1 / 0))) == "acme-valle 1.0, net.py line 2"


def test_an_error_of_ours_blames_nobody():
    assert culprit(raised(lambda: 1 / 0)) == ""
