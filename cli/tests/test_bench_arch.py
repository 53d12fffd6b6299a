"""`valle bench arch` measures any backbone it finds beside its references, in processes that may die."""

from __future__ import annotations

import json

import pytest

from valle_bench import machine

FAKE = """
    import os
    from dataclasses import dataclass
    from valle_core.plugin import PluginSpec, ReferenceSpec

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Options:
        d_model: int = 16
        n_layers: int = 2

    SPEC = PluginSpec(kind="arch", name="acme", api=1, summary="s", factory="acme_mod:build",
                      options="acme_mod:Options", capabilities=frozenset({"causal", "full", "mixed"}))
    SAME, OTHER, GONE = (
        ReferenceSpec(name=f"acme-{name}", api=1, summary="s", bench="arch", part="acme", title=name,
                      loads=f"acme_mod:{name}")
        for name in ("same", "other", "gone")
    )

    def build(options, *, attention):
        from valle_testing.fakes.backbone import FakeBackbone

        class Mortal(FakeBackbone):
            def forward(self, x, *rest, **more):
                if x.shape[1] == 48:
                    os.kill(os.getpid(), 9)
                return super().forward(x, *rest, **more)

        return Mortal(options.d_model, options.n_layers)

    def beside(backbone, factor):
        from valle_bench.arch.own_model import OwnModel

        class Reference(OwnModel):
            def forward(self, x):
                print("a reference that talks")
                return factor * super().forward(x)

        return Reference(backbone)

    def same(backbone):
        return beside(backbone, 1.0)

    def other(backbone):
        return beside(backbone, 2.0)

    def gone(backbone):
        raise ImportError("libpeer.so")
"""


REFERENCES = {f"acme-{name}": f"acme_mod:{name.upper()}" for name in ("same", "other", "gone")}


@pytest.fixture
def acme(install, monkeypatch):
    entries = {"valle.arch": {"acme": "acme_mod:SPEC"}, "valle.reference": REFERENCES}
    install("acme-arch", entries, acme_mod=FAKE)
    monkeypatch.setattr(machine, "cores_in_use", lambda: 0.0)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_a_backbone_of_others_is_measured_beside_its_references_though_its_process_dies(valle, acme, tmp_path):
    out = tmp_path / "results"
    code, text, err = valle("bench", "arch", "--arch", "acme", "--quick", "--T", "16,48,64", "--d-model", "16",
                            "--layers", "2", "--out", str(out))  # fmt: skip
    assert code == 0, err
    lines = [line.split() for line in text.splitlines()]
    at = {(line[1], line[3]): line for line in lines if line[:1] == ["acme"] and line[2:3] == ["forward"]}
    assert at["same", "64"][7] == "yes"
    assert at["other", "64"][6:8] == ["-", "NO"]
    assert "killed by signal 9, probably out of memory" in text
    assert "acme, gone, cannot be loaded: ImportError: libpeer.so" in text
    report = json.loads((out / "arch.json").read_text())
    assert {"commit", "date", "command", "processor", "cores", "torch", "threads", "peak_memory"} <= set(
        report["facts"]
    )
    decoding = [row for row in report["rows"] if row["what"] == "decode" and row["implementation"] == "valle"]
    assert all(row["tokens_per_s"] and row["nbytes"] for row in decoding)
    weights = {row["implementation"]: row["nbytes"] for row in report["rows"] if row["what"] == "weights memory"}
    assert weights["valle"] == weights["same"] > 0
    assert sorted(path.name for path in out.iterdir()) == ["arch.json", "arch.md", "arch.png"]


def test_safe_holds_in_the_process_that_measures(valle, install, monkeypatch, tmp_path):
    references = FAKE.replace('part="acme"', 'part="transformer"')
    install("acme-arch", {"valle.reference": REFERENCES}, acme_mod=references)
    monkeypatch.setattr(machine, "cores_in_use", lambda: 0.0)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    words = [
        "bench",
        "arch",
        "--arch",
        "transformer",
        "--quick",
        "--T",
        "16",
        "--d-model",
        "16",
        "--layers",
        "1",
        "--json",
    ]
    implementations = {}
    for safe in (False, True):
        code, text, err = valle(*(["--safe"] if safe else []), *words)
        assert code == 0, err
        implementations[safe] = {row["implementation"] for row in json.loads(text)["rows"]}
    assert "same" in implementations[False]
    assert implementations[True] == {"valle"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--arch", "nobody"], "there is no arch 'nobody'"),
        (["--arch", "llama", "--T", "256,x"], "expected numbers of positions"),
        (["--arch", "llama", "--T", "0"], "expected numbers of positions"),
        (["--arch", "llama", "--set", "transformer.n_heads=2"], "expected ARCH.OPTION=VALUE with one of llama"),
    ],
)
def test_what_cannot_be_meant_is_refused(valle, acme, words, message):
    code, out, err = valle("bench", "arch", *words)
    assert (code, out) == (2, "")
    assert message in err


def test_a_busy_machine_is_refused_before_anything_is_measured(valle, acme, monkeypatch):
    monkeypatch.setattr(machine, "cores_in_use", lambda: 0.8)
    code, out, err = valle("bench", "arch", "--arch", "acme")
    assert (code, out) == (2, "")
    assert err.startswith("error: other processes keep 0.80 of a core busy")
