"""Run by the environment of `test_smallest_environment.py`: trains on WORK/data, speaks, writes WORK/facts.json.

python train_and_speak.py WORK
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import distributions
from pathlib import Path

from valle_core.api import (
    SYNTHESIS_SCHEMA,
    TRAIN_SCHEMA,
    Observers,
    Registry,
    Request,
    open_synthesizer,
    resolve,
    run_training,
    write_audio,
)


def main() -> None:
    work = Path(sys.argv[1])
    registry = Registry.open()
    settings = {
        "data": str(work / "data"), "out": str(work / "run"), "device": "cpu", "arch": "transformer",
        "arch.d_model": "32", "arch.n_layers": "1", "arch.n_heads": "2", "steps": "30", "log_every": "1",
        "batching.seconds": "80", "lr": "2e-3", "warmup": "5",
    }  # fmt: skip
    losses = []
    training = resolve(TRAIN_SCHEMA, registry, flags=list(settings.items()))
    result = run_training(training, registry, Observers(), report=lambda line: losses.append(line["loss"]))
    speaking = {"model": str(work / "run"), "device": "cpu"}
    synthesizer = open_synthesizer(
        resolve(SYNTHESIS_SCHEMA, registry, flags=list(speaking.items())), registry, Observers()
    )
    prompt = next((work / "wav").rglob("*.wav"))
    (speech,) = synthesizer([Request(text="abc", prompt=prompt, seed=1, max_seconds=0.5)])
    write_audio(work / "speech.wav", speech.wav.numpy(), speech.sample_rate)
    facts = {
        "distributions": sorted(name for one in distributions() if "valle" in (name := one.metadata["Name"])),
        "loaded": sorted(name for name in sys.modules if name.startswith("valle_") and "." not in name),
        "step": result.step,
        "first": sum(losses[:5]) / 5,
        "last": sum(losses[-5:]) / 5,
        "samples": len(speech.wav),
        "finite": bool(speech.wav.isfinite().all()),
    }
    (work / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


if __name__ == "__main__":
    main()
