"""All broken plugins installed at once, as a user meets them: the real `valle` in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from valle_bench.broken_plugins import BROKEN, write_broken

DRIVER = """
import contextlib, io, json, sys
from valle_cli.main import run
answers = []
for argv in json.loads(sys.stdin.read()):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(argv)
    answers.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def environ(tmp_path_factory) -> dict[str, str]:
    site = tmp_path_factory.mktemp("site")
    write_broken(site, slow=True)
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "VALLE_DISABLE_PLUGINS": "loud"}


@pytest.fixture
def real_valle(environ, tmp_path) -> Callable[..., subprocess.CompletedProcess[str]]:
    script = Path(sysconfig.get_path("scripts")) / "valle"

    def real_valle(*argv: str | Path) -> subprocess.CompletedProcess[str]:
        words = [str(script), *map(str, argv)]
        return subprocess.run(words, capture_output=True, text=True, env=environ, cwd=tmp_path, timeout=120)

    return real_valle


@pytest.mark.parametrize("argv", [("--help",), ("--version",), ("plugins",), ("list-plugins", "--help")])
def test_help_and_version_do_not_notice_them(real_valle, argv):
    done = real_valle(*argv)
    assert (done.returncode, done.stderr) == (0, "")
    assert "noise" not in done.stdout.splitlines()


def test_the_list_has_all_of_them_with_their_status_and_every_status_appears(real_valle):
    done = real_valle("list-plugins", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    rows = {row["distribution"]: row for row in json.loads(done.stdout)}
    for one in BROKEN:
        row = rows[f"acme-{one.name}"]
        assert row["status"] == ("disabled" if one.name == "loud" else one.status), row
        assert row["status"] in ("ok", "conflict") or one.why in row["why"]
        assert row["status"] == "ok" or (row["why"] and row["hint"]), row
    # All that valle knows may be installed here, so that nothing is "not-installed".
    assert {row["status"] for row in rows.values()} - {"not-installed"} == {
        "ok", "unavailable", "incompatible", "broken", "disabled", "conflict",
    }  # fmt: skip


def test_the_table_has_one_line_for_each(real_valle):
    done = real_valle("list-plugins")
    assert (done.returncode, done.stderr) == (0, "")
    owners = [line.split()[3] for line in done.stdout.splitlines()]
    assert all(owners.count(f"acme-{one.name}") == 1 for one in BROKEN)


def test_a_run_that_selects_none_of_them_is_told_only_of_the_hook_it_does_without(real_valle, spine, tmp_path):
    done = real_valle(*spine.training(tmp_path / "run", "--steps", "1"))
    assert done.returncode == 0
    warnings = [line for line in done.stderr.splitlines() if "acme" in line or "misspelt" in line]
    assert len(warnings) == 1
    assert warnings[0].startswith("warning: hook 'misspelt' cannot be used: ")
    assert "noise" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_selecting_one_is_one_line_with_reason_and_code_2(environ, spine, tmp_path):
    chosen = [one for one in BROKEN if one.why]
    argvs = []
    for one in chosen:
        out, name = str(tmp_path / one.name), one.announced or one.name
        argvs.append(
            ["prepare", str(spine.recordings), "--out", out, "--codec", name, "--quiet"]
            if one.kind == "codec"
            else ["train", "--data", str(spine.data), "--out", out, "--arch", name, "--quiet"]
        )
    argvs.append(["train", "--data", str(spine.data), "--out", str(tmp_path / "loud"), "--arch", "loud"])
    whys = [*(one.why for one in chosen), "is disabled: listed in VALLE_DISABLE_PLUGINS"]
    done = subprocess.run(
        [sys.executable, "-c", DRIVER], input=json.dumps(argvs), capture_output=True, text=True, env=environ, check=True
    )
    assert done.stderr == ""
    for argv, why, (code, out, err) in zip(argvs, whys, json.loads(done.stdout), strict=True):
        assert (code, out) == (2, ""), (argv, err)
        assert err.count("\n") == 1, err
        assert err.startswith("error: ")
        assert why in err
        assert "Traceback" not in err
    assert not list(tmp_path.iterdir())


def test_one_of_two_plugins_of_a_name_can_be_picked(real_valle):
    done = real_valle("plugins", "info", "acme-twin-two:twin", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["distribution"] == "acme-twin-two"


def test_the_doctor_names_every_one_that_is_broken(real_valle):
    done = real_valle("plugins", "doctor")
    assert (done.returncode, done.stderr) == (1, "")
    for one in BROKEN:
        if one.status not in ("ok", "conflict"):
            assert f"'{one.name}' (acme-{one.name} 1.0): {one.status}: " in done.stdout
    assert "acme_idle (acme-idle 1.0): its import takes" in done.stdout
    assert "there is no hook 'train_stpe_end'" in done.stdout
    assert "acme-left-behind 1.0: none of its modules is there" in done.stdout


def test_safe_mode_leaves_none_of_them_on(real_valle):
    rows = json.loads(real_valle("--safe", "list-plugins", "--json").stdout)
    assert {row["status"] for row in rows if row["distribution"].startswith("acme-")} == {"disabled"}
