"""`valle bench codec` measures any codec it finds beside its references, in processes that may die."""

from __future__ import annotations

import json

import pytest

from valle_bench import machine
from valle_bench.commands import codec as bench_codec

FAKE = """
    import os
    from dataclasses import dataclass
    from valle_core.plugin import PluginSpec, ReferenceSpec, UserError

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Options:
        weights: str = ""
        pitch: int = 0

    SPEC = PluginSpec(kind="codec", name="acme", api=1, summary="s", factory="acme_mod:build",
                      options="acme_mod:Options", capabilities=frozenset({"streaming", "codebooks"}))
    SAME, OTHER, GONE = (
        ReferenceSpec(name=f"acme-{name}", api=1, summary="s", bench="codec", part="acme", title=name,
                      loads=f"acme_mod:{name}")
        for name in ("same", "other", "gone")
    )

    def build(options, *, device):
        from valle_testing.fakes.audio import FakeCodec

        if not options.weights:
            raise UserError("codec 'acme' has no weights here")

        class Mortal(FakeCodec):
            def encode(self, wav, lengths):
                if int(lengths[0]) == 32000:
                    os.kill(os.getpid(), 9)
                return super().encode(wav, lengths)

        return Mortal(name="acme", device=device)

    def beside(codec, shift):
        import torch

        class Reference:
            def encode(self, wav):
                print("a reference that talks")
                codes, _ = codec.encode(wav, torch.full((len(wav),), wav.shape[1]))
                return (codes + shift) % 32

            def decode(self, codes):
                shifted = (codes + shift) % 32
                return codec.decode(shifted, torch.full((len(codes),), codes.shape[1]))[0][:, :-8]

        return Reference()

    def same(codec):
        return beside(codec, 0)

    def other(codec):
        return beside(codec, 1)

    def gone(codec):
        raise ImportError("libpeer.so")
"""


REFERENCES = {f"acme-{name}": f"acme_mod:{name.upper()}" for name in ("same", "other", "gone")}


@pytest.fixture
def idle(monkeypatch):
    monkeypatch.setattr(machine, "cores_in_use", lambda: 0.0)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def acme(install, idle):
    entries = {"valle.codec": {"acme": "acme_mod:SPEC"}, "valle.reference": REFERENCES}
    install("acme-codec", entries, acme_mod=FAKE)


@pytest.mark.slow
def test_a_codec_of_others_is_measured_beside_its_references_though_its_process_dies(
    valle, acme, tmp_path, monkeypatch
):
    out = tmp_path / "results"
    monkeypatch.setattr(bench_codec, "QUICK", {**bench_codec.QUICK, "memory_seconds": 0.5, "long_seconds": 3.0})
    code, text, err = valle("bench", "codec", "--codec", "acme", "--quick", "--seconds", "1,2", "--batch", "1",
                            "--clips", "0", "--out", str(out))  # fmt: skip
    assert code == 0, err
    report = json.loads((out / "codec.json").read_text())
    rows = {(row["implementation"], row["what"], row["seconds"]): row for row in report["codecs"][0]["rows"]}
    assert rows["same", "encode", 1]["match"] is True
    assert rows["same", "decode", 1]["ratio"] > 0
    assert rows["other", "encode", 1]["match"] is rows["other", "decode", 1]["match"] is False
    assert rows["other", "encode", 1]["ratio"] is None
    assert "acme, gone: cannot be loaded: ImportError: libpeer.so" in text
    assert "killed by signal 9, probably out of memory" in rows["valle", "encode", 2]["note"]
    assert rows["valle", "stream", 0.2]["first_frames"] == 10
    assert {(implementation, what) for implementation, what, _ in rows if what.endswith("memory")} == {
        (implementation, f"{what} memory")
        for implementation in ("valle", "same", "other")
        for what in ("encode", "decode")
    }
    assert rows["valle", "long encode", 3.0]["audio"] == 3.0
    assert rows["valle", "stream", 0.2]["difference"] < 1e-6
    assert {"commit", "date", "command", "processor", "cores", "torch", "threads"} <= set(report["facts"])
    assert "random weights, because codec 'acme' has no weights here" in text
    assert report["codecs"][0]["facts"]["random"] is True
    assert report["codecs"][0]["bits_per_second"] == 50 * 4 * 5
    assert sorted(path.name for path in out.iterdir()) == ["codec.json", "codec.md", "codec.png"]


def test_the_built_in_codec_and_a_small_encodec_are_measured(valle, idle, tmp_path):
    from transformers import EncodecConfig

    from valle_kit.codes.encodec import weights

    made = EncodecConfig(num_filters=4, hidden_size=16, codebook_size=64, target_bandwidths=[0.9, 1.8],
                         num_lstm_layers=1)  # fmt: skip
    small = tmp_path / "small"
    made.save_pretrained(small)
    from safetensors.torch import save_file

    save_file({name: one.contiguous() for name, one in weights.random(made, 1).items()}, small / "model.safetensors")
    code, text, err = valle("bench", "codec", "--codec", "tiny", "--codec", "encodec", "--set",
                            f"encodec.weights={small}", "--set", "encodec.bandwidth=1.5", "--quick", "--clips", "1",
                            "--json")  # fmt: skip
    assert code == 0, err
    assert "note: codec 'encodec': The published EnCodec weights are CC-BY-NC 4.0" in err
    report = {one["codec"]: one for one in json.loads(text)["codecs"]}
    own = {row["what"]: row for row in report["tiny"]["rows"]}
    assert own["quality"]["pesq"] > 1.5
    assert own["quality"]["stoi"] > 0.8
    assert {row["implementation"] for row in report["tiny"]["rows"]} == {"valle"}
    assert report["tiny"]["bits_per_second"] == 3200
    beside = [row for row in report["encodec"]["rows"] if row["implementation"] == "transformers EncodecModel"]
    assert [row["what"] for row in beside if row["match"] and row["ratio"] > 0] == ["encode", "decode"] * 2
    assert report["encodec"]["facts"]["levels"] == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--codec", "nobody"], "there is no codec 'nobody'"),
        (["--codec", "tiny", "--seconds", "2,x"], "expected seconds from 0.1 to 3600"),
        (["--codec", "tiny", "--seconds", "0"], "expected seconds from 0.1 to 3600"),
        (["--codec", "tiny", "--set", "dac.levels=2"], "expected CODEC.OPTION=VALUE with one of tiny"),
        (["--codec", "tiny", "--speech", "nowhere"], "--speech nowhere is not a folder"),
    ],
)
def test_what_cannot_be_meant_is_refused(valle, idle, words, message):
    code, out, err = valle("bench", "codec", *words)
    assert (code, out) == (2, "")
    assert message in err


def test_a_busy_machine_is_refused_before_anything_is_measured(valle, monkeypatch):
    monkeypatch.setattr(machine, "cores_in_use", lambda: 0.8)
    code, out, err = valle("bench", "codec", "--codec", "tiny")
    assert (code, out) == (2, "")
    assert err.startswith("error: other processes keep 0.80 of a core busy")
