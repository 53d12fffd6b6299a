"""Run by the clean environment of `test_clean_environment.py`: lists, checks, trains, speaks; writes what it saw.

python train_and_sample.py WORK    # WORK/fakes holds the fakes as a distribution; facts go to WORK/facts.json
"""

from __future__ import annotations

import importlib.util
import json
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

FIRST_PARTY = ("valle_cli", "valle_llama", "valle_transformer", "valle_attention_sdpa", "valle_tasks", "valle_samplers")


def listed() -> dict[str, Any]:
    """What is visible before any fake is."""
    import valle_core
    from valle_core.registry.registry import Registry

    entries = [entry for entry in Registry.open().entries() if entry.status != "not-installed"]
    return {
        "valle": sorted(name for one in distributions() if "valle" in (name := one.metadata["Name"])),
        "importable": [name for name in FIRST_PARTY if importlib.util.find_spec(name)],
        "core": valle_core.__file__,
        "plugins": [[entry.kind.name, entry.name, entry.distribution, entry.status] for entry in entries],
    }


def checked() -> dict[str, Any]:
    """The suites on both plugins, built through the registry."""
    from valle_core.registry.registry import Registry
    from valle_testing.installed import check_plugin

    registry = Registry.open()
    mine = (("arch", "acme-retention"), ("sampler", "acme-eta"), ("acme-voicing", "acme-energy"))
    reports = [check_plugin(registry, kind, name) for kind, name in mine]
    return {"ok": all(report.ok for report in reports), "tables": [report.table() for report in reports]}


def trained(work: Path) -> dict[str, Any]:
    """A codec language model over the backbone, from recordings to a checkpoint."""
    from valle_core.api import TRAIN_SCHEMA, Observers, Registry, resolve, run_training
    from valle_data.preparation.options import PrepareOptions
    from valle_data.preparation.prepare import prepare
    from valle_testing.fakes.audio import FakeCodec, FakeFrontend, tone_corpus

    tone_corpus(work / "wav", utterances=4)
    options = PrepareOptions(source=work / "wav", out=work / "data")
    prepare(options, codec=FakeCodec(), frontend=FakeFrontend(), frontend_name="fake")
    registry = Registry.open()
    settings = {
        "data": str(work / "data"), "out": str(work / "run"), "device": "cpu", "task": "fake", "attention": "none",
        "arch": "acme-retention", "arch.d_model": "64", "arch.n_layers": "2", "arch.dropout": "0.0",
        "steps": "40", "lr": "2e-3", "warmup": "5", "log_every": "1", "batching.seconds": "96",
    }  # fmt: skip
    losses = []
    result = run_training(
        resolve(TRAIN_SCHEMA, registry, flags=list(settings.items())),
        registry,
        Observers(),
        report=lambda line: losses.append(line["loss"]),
    )
    return {"step": result.step, "first": sum(losses[:5]) / 5, "last": sum(losses[-5:]) / 5}


def spoken(work: Path) -> dict[str, Any]:
    """Two requests through the synthesizer, alone and in one batch, drawn by the sampler at every level."""
    from valle_core.api import SYNTHESIS_SCHEMA, Observers, Registry, Request, open_synthesizer, resolve

    registry = Registry.open()
    settings = {"model": str(work / "run"), "device": "cpu", "task": "fake", "sampler": "acme-eta",
                "sampler.epsilon": "0.01", "nar_sampler": "acme-eta"}  # fmt: skip
    configured = resolve(SYNTHESIS_SCHEMA, registry, flags=list(settings.items()))
    synthesizer = open_synthesizer(configured, registry, Observers())
    prompt = next((work / "wav").rglob("*.wav"))
    requests = [Request(text=text, prompt=prompt, seed=seed, max_seconds=1.0) for text, seed in (("abc", 1), ("da", 2))]
    together = synthesizer(requests)
    alone = [synthesizer([request])[0] for request in requests]
    return {
        "sampler": type(configured.parts["sampler"][0].options).__module__,
        "samples": [len(speech.wav) for speech in together],
        "finite": all(bool(speech.wav.isfinite().all()) for speech in together),
        "alike": all(one.codes.equal(other.codes) for one, other in zip(together, alone, strict=True)),
    }


def main() -> None:
    work = Path(sys.argv[1])
    facts = {"listed": listed(), "checked": checked()}
    sys.path.insert(0, str(work / "fakes"))
    facts |= {"trained": trained(work), "spoken": spoken(work)}
    facts["loaded"] = sorted(name for name in sys.modules if name.startswith("valle_") and "." not in name)
    (work / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


if __name__ == "__main__":
    main()
