"""`valle bench attention` measures any kernel it finds, in a process that may die."""

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
        pass

    EVERY = frozenset({"causal", "full", "mixed", "prefix", "packed", "window"})
    GOOD, BAD, MORTAL, GONE = (
        PluginSpec(kind="attention", name=f"acme-{name}", api=1, summary="s", factory=f"acme_mod:{name}",
                   options="acme_mod:Options", capabilities=EVERY, devices=("cpu",) if name != "gone" else ("cuda",))
        for name in ("good", "bad", "mortal", "gone")
    )
    BESIDE = ReferenceSpec(name="acme-beside", api=1, summary="s", bench="attention", title="acme beside",
                           loads="acme_mod:beside")

    def good(options):
        from valle_attention_sdpa.eager import EagerKernel
        return EagerKernel()

    def beside():
        return good(None)

    def bad(options):
        kernel = good(options)
        return lambda q, k, v, mask, *, scale=None: 1.01 * kernel(q, k, v, mask)

    def mortal(options):
        kernel = good(options)

        def attend(q, k, v, mask, *, scale=None):
            if q.shape[2] == 48:
                os.kill(os.getpid(), 9)
            return kernel(q, k, v, mask)

        return attend

    def gone(options):
        raise AssertionError("never built here")
"""
NAMES = ("good", "bad", "mortal", "gone")
ENTRIES = {
    "valle.attention": {f"acme-{name}": f"acme_mod:{name.upper()}" for name in NAMES},
    "valle.reference": {"acme-beside": "acme_mod:BESIDE"},
}
SMALL = ["--heads", "2", "--batch", "2", "--head-width", "8", "--form", "mixed", "--direction", "forward", "--repeats",
         "1", "--device", "cpu"]  # fmt: skip


@pytest.fixture(autouse=True)
def idle(monkeypatch):
    monkeypatch.setattr(machine, "cores_in_use", lambda: 0.0)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_kernels_of_others_are_measured_though_one_ends_its_process(valle, install, tmp_path):
    install("acme-kernels", ENTRIES, acme_mod=FAKE)
    out = tmp_path / "results"
    asked = [word for name in NAMES for word in ("--kernel", f"acme-{name}")]
    code, text, err = valle("bench", "attention", *SMALL, *asked, "--lengths", "32,48", "--against", "acme-good",
                            "--out", str(out))  # fmt: skip
    assert code == 0, err
    report = json.loads((out / "attention.json").read_text())
    rows = {(row["kernel"], row.get("size")): row for row in report["rows"]}
    for kernel in ("eager", "acme-good", "acme beside", "torch, dense mask"):
        assert rows[kernel, 32]["match"] is rows[kernel, 48]["match"] is True, kernel
        assert rows[kernel, 48]["times_eager"] > 0
        assert rows[kernel, 48]["times_against"] > 0
    assert rows["acme-bad", 32]["match"] is False
    assert rows["acme-bad", 32]["times_eager"] is None
    assert rows["acme-mortal", 32]["match"]
    assert rows["acme-mortal", 48]["note"] == "failed: the process was killed by signal 9, probably out of memory"
    assert rows["acme-gone", None]["note"] == "needs cuda, found cpu"
    assert "acme-gone: needs cuda, found cpu" in text
    assert {"commit", "date", "command", "processor", "cores", "torch", "threads", "preset"} <= set(report["facts"])
    names = ["attention-dark.png", "attention.csv", "attention.json", "attention.md", "attention.png"]
    assert sorted(path.name for path in out.iterdir()) == names


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--kernel", "nobody"], "there is no attention 'nobody'"),
        (
            ["--lengths", "256,x"],
            "lengths must be whole numbers from 1 on with commas between, e.g. 256,1024, got",
        ),
        (["--batch", "0"], "batch must be whole numbers from 1 on"),
        (["--form", "square"], "form must be some of causal, full, prefix, mixed, window, packed, got square"),
        (["--dtype", "int8"], "dtype must be some of fp32, bf16, fp16, float32, bfloat16, float16, got int8"),
        (["--direction", "decode", "--form", "full"], "direction decode takes the form causal only, got full"),
        (["--kv-heads", "3"], "kv_heads must divide heads, got 3 and 4"),
        (["--heads", "0"], "heads must be at least 1, got 0"),
        (["--repeats", "0"], "repeats must be at least 1, got 0"),
        (["--against", "cudnn"], "--against cudnn: needs cuda, found cpu. Choose one of eager, "),
        (["--compare", "absent.json"], "--compare absent.json cannot be read"),
        (["--preset", "all"], "preset"),
    ],
)
def test_what_cannot_be_meant_is_refused(valle, words, message):
    code, out, err = valle("bench", "attention", "--device", "cpu", *words)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_a_busy_machine_and_a_file_for_results_are_refused(valle, monkeypatch, tmp_path):
    (tmp_path / "results").write_text("mine")
    code, _, err = valle("bench", "attention", "--out", str(tmp_path / "results"))
    assert code == 2
    assert "is a file. Name a folder" in err
    monkeypatch.setattr(machine, "cores_in_use", lambda: 0.8)
    code, out, err = valle("bench", "attention")
    assert (code, out) == (2, "")
    assert err.startswith("error: other processes keep 0.80 of a core busy")
