"""A plugin written for another API number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from valle_core.plugin import UserError
from valle_core.registry.kinds import ROWS
from valle_core.registry.registry import Registry

AT_THREE = tuple(replace(row, api=3) if row.name == "arch" else row for row in ROWS)


@pytest.mark.parametrize(("api", "status"), [(1, "incompatible"), (2, "ok"), (3, "ok"), (4, "incompatible")])
def test_one_number_older_still_works_and_all_others_are_refused(site, api, status):
    site.plugin("acme", "old", api=api)
    registry = Registry.open(environ={}, rows=AT_THREE)
    assert registry.find("arch", "old").status == status


def test_an_older_plugin_that_still_works_carries_a_warning_and_its_mend(site):
    site.plugin("acme", "old", api=2)
    entry = Registry.open(environ={}, rows=AT_THREE).find("arch", "old")
    assert "written for arch API 2, this valle-core has 3" in entry.why
    assert entry.hint == "pip install -U acme"


def test_a_newer_plugin_asks_for_a_newer_core(site):
    site.plugin("acme", "new", api=4)
    with pytest.raises(UserError, match=r"API 4, this valle-core has 3. Fix it with: update valle"):
        Registry.open(environ={}, rows=AT_THREE).select("arch", "new")
