"""What `valle plugins check` prints and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SPECS = """
from valle_core.plugin import PluginSpec
def spec(name, factory, **more):
    return PluginSpec(kind="sampler", name=name, api=1, summary="s", factory=f"acme_sampler:{factory}",
                      options=f"acme_sampler:{factory.title()}", capabilities=frozenset({"chooser"}), **more)
WRONG = spec("wrong", "wrong")
FORGIVEN = spec("forgiven", "wrong", expected_failures={"draws_from_the_view_alone": "it throws real dice"})
BROKEN = spec("broken", "broken")
FAR = spec("far", "wrong", devices=("tpu",))
"""
SAMPLER = """
from dataclasses import dataclass
import torch
@dataclass(frozen=True)
class Wrong:
    def choose(self, logits, view):
        return torch.multinomial(logits.softmax(-1), 1)[:, 0]
@dataclass(frozen=True)
class Broken: pass
def wrong(options): return options
def broken(options): raise RuntimeError("no dice")
"""


@pytest.fixture
def acme(install):
    names = {name.lower(): f"acme_spec:{name}" for name in ("WRONG", "FORGIVEN", "BROKEN", "FAR")}
    install("acme", {"valle.sampler": names}, acme_spec=SPECS, acme_sampler=SAMPLER)


def test_a_good_plugin_ends_with_its_counts_and_code_0(valle):
    code, out, err = valle("plugins", "check", "greedy")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == (
        "sampler 'greedy': 15 ran, 15 passed, 0 failed, 0 expected-fail, 3 skipped (floor 13)"
    )


def test_a_wrong_plugin_ends_with_code_1_the_finding_and_the_contract(valle, acme):
    code, out, _ = valle("plugins", "check", "wrong", "--kind", "sampler")
    assert code == 1
    assert "draws_from_the_view_alone                failed" in out
    assert "found     the random state of torch is drawn from" in out
    assert "contract  Chooser: “Randomness comes from `view.uniform` alone”" in out


def test_json_holds_every_outcome(valle, acme):
    code, out, _ = valle("plugins", "check", "acme:forgiven", "--json")
    report = json.loads(out)
    assert code == 1
    assert report["ok"] is False
    found = {one["check"]: one for one in report["outcomes"]}
    assert found["draws_from_the_view_alone"]["verdict"] == "expected-fail"
    assert found["draws_from_the_view_alone"]["found"] == "it throws real dice"
    assert found["equals_rows_one_by_one"]["verdict"] == "failed"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nix", "there is no plugin 'nix'"),
        ("broken", "sampler 'broken' (acme 1.0) could not be built: RuntimeError: no dice"),
        ("far", "sampler 'far' (acme 1.0) cannot be checked here: needs tpu, found cpu"),
        ("transformers-llama", "'transformers-llama' is a reference, for which there is no suite"),
    ],
)
def test_what_cannot_be_checked_is_one_line_and_code_2(valle, acme, name, message):
    code, out, err = valle("plugins", "check", name)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


def test_its_help_does_not_import_torch():
    code = (
        "import sys; from valle_cli.main import run; "
        "run(['plugins', 'check', '--help']); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


@pytest.mark.slow
def test_every_plugin_that_can_run_on_a_cpu_conforms(valle, capsys):
    kinds = ("arch", "attention", "codec", "sampler", "task", "frontend", "rewrite", "recognizer")
    rows = json.loads(valle("list-plugins", "--json")[1])
    able = [row for row in rows if row["kind"] in kinds and row["status"] == "ok" and "cpu" in row["devices"]]
    results = {
        (row["kind"], row["name"]): valle("plugins", "check", row["name"], "--kind", row["kind"]) for row in able
    }
    with capsys.disabled():
        print("", *(out.splitlines()[-1] for _, out, _ in results.values()), sep="\n")  # noqa: T201
    assert {kind for kind, _ in results} == set(kinds)
    assert [who for who, (code, _, _) in results.items() if code] == []
