"""Lists of plugins: written, read again, compared with what is installed."""

from __future__ import annotations

import json

import pytest
from valle_export.lock import compare, install_line, lock_from, lock_of_installed, locked, write_lock
from valle_export.plugin import EXPORT, LOCK

from valle_core.api import PluginIdentity, Registry, UserError
from valle_testing import suite
from valle_testing.suites.command.ran import valle

test_export_conforms = suite.conformance("command", valle("export"), spec=EXPORT)
test_lock_conforms = suite.conformance("command", valle("plugins", "lock"), spec=LOCK, example=())

LLAMA = PluginIdentity(kind="arch", name="llama", distribution="valle-llama", version="0.1.0", api=1)
GONE = PluginIdentity(kind="codec", name="gone", distribution="acme-gone", version="3.1", api=1)
OLDER = PluginIdentity(kind="task", name="tts", distribution="valle-tasks", version="0.0.9", api=1)


def test_a_list_is_read_as_it_was_written(tmp_path):
    lock = locked([LLAMA, GONE, LLAMA])
    write_lock(tmp_path / "plugins.json", lock)
    assert lock_from(tmp_path / "plugins.json") == lock
    assert [one.name for one in lock.plugins] == ["llama", "gone"]
    assert lock.distributions == {"valle-llama": "0.1.0", "acme-gone": "3.1"}


def test_a_plugin_that_is_missing_and_one_of_another_version_are_told():
    registry = Registry.open()
    same, gone, older = compare(locked([LLAMA, GONE, OLDER]), registry, "it")
    assert (same.line, same.missing) == ("", False)
    assert gone.missing
    assert (
        "codec 'gone' of acme-gone 3.1, which is not installed. Install it with: pip install acme-gone==3.1"
        in gone.line
    )
    assert (older.missing, "and 0.1.0 is installed" in older.line) == (False, True)
    assert install_line([same, gone, older], registry) == "pip install acme-gone==3.1"


def test_all_that_is_installed_can_be_checked_again(tmp_path):
    lock = lock_of_installed(Registry.open())
    assert {"arch", "codec", "command"} <= {one.kind for one in lock.plugins}
    write_lock(tmp_path / "all.json", lock)
    assert not [one.line for one in compare(lock_from(tmp_path / "all.json"), Registry.open(), "it") if one.missing]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format_version": 2, "made_with": {}, "plugins": []}',
     '{"format_version": 1, "made_with": {"python": 3}, "plugins": []}',
     '{"format_version": 1, "made_with": {}, "plugins": [{"kind": "arch"}]}'],
)  # fmt: skip
def test_what_is_no_list_is_refused_in_one_line(tmp_path, text):
    (tmp_path / "plugins.json").write_text(text)
    with pytest.raises(UserError, match="not a list of plugins") as refused:
        lock_from(tmp_path / "plugins.json")
    assert "\n" not in str(refused.value)


def test_a_kind_that_is_unknown_here_is_missing_not_a_crash(tmp_path):
    stranger = {"kind": "acme-kind", "name": "x", "distribution": "acme", "version": "1", "api": 1}
    written = {"format_version": 1, "made_with": {}, "plugins": [stranger]}
    (tmp_path / "plugins.json").write_text(json.dumps(written))
    (found,) = compare(lock_from(tmp_path / "plugins.json"), Registry.open(), "it")
    assert found.missing
