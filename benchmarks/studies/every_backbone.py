"""The demo's recipe with every backbone: does it say the 24 sentences? The verdict beside its controls.

    python benchmarks/studies/every_backbone.py --demo demo --out runs/every
    cp runs/every/every-backbone.* benchmarks/results/

`--demo` is the folder of `valle demo`, whose corpus and dataset are used. Interrupted, the same command goes on; what
is done is not done again. `--size` takes other sizes for all, e.g. `--size d_model=128 n_layers=3`, to be done sooner.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from valle_bench.machine import provenance
from valle_bench.report import Column, Report
from valle_cli.demo.recipe import LEVELS, RECIPE, SAMPLERS, VOICES
from valle_cli.demo.recognition import SentenceRecognizer
from valle_cli.demo.report import open_model
from valle_cli.demo.sentences import demo_sentences
from valle_cli.demo.spoken_check import Trial, judge, say_all, shuffle_words, through_codec
from valle_core.api import Registry, RunFolder
from valle_core.files import write_json

STEM = "every-backbone"
ENOUGH = 20
"""Sentences of 24."""


def main() -> None:
    given = arguments()
    registry = Registry.open()
    for arch in given.arch or registry.names("arch"):
        found = given.out / f"{arch}.json"
        if not found.exists():
            run = RunFolder(given.out / arch)
            train(run, arch, given, registry)
            write_json(found, {"arch": arch, "options": sizes(arch, given, registry), **listen(run, given)})
        print(found.read_text(), flush=True)
    write_report(given)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=Path, required=True, help="folder of `valle demo`")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--arch", nargs="+", help="backbones, in order; all when left out")
    parser.add_argument(
        "--size", nargs="+", default=["d_model=192", "n_layers=4", "n_heads=4"], help="of all that have it"
    )
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def sizes(arch: str, given: argparse.Namespace, registry: Registry) -> dict[str, str]:
    """Those of the wanted sizes that the backbone has an option for."""
    there = registry.select("arch", arch).options_type().__dataclass_fields__
    return {name: value for name, value in (word.split("=") for word in given.size) if name in there}


def train(run: RunFolder, arch: str, given: argparse.Namespace, registry: Registry) -> None:
    """To the last step, from the newest checkpoint if there is one."""
    if run.steps() and run.steps()[-1] >= given.steps:
        return
    size = [word for name, value in sizes(arch, given, registry).items() for word in ("--set", f"arch.{name}={value}")]
    words = ["train", "--data", given.demo / "data", "--out", run.path, "--arch", arch, *size, *RECIPE, "--lr", 2e-3,
             "--steps", given.steps, "--seed", given.seed, "--checkpoint-every", 100, "--keep", 1]  # fmt: skip
    command = [sys.executable, "-m", "valle_cli", *map(str, words), "--quiet", *(["--resume"] if run.steps() else [])]
    if (code := subprocess.run(command, stdout=subprocess.DEVNULL).returncode) != 0:
        raise SystemExit(code)


def listen(run: RunFolder, given: argparse.Namespace) -> dict[str, Any]:
    """What the recognizer makes of the sentences and of the same words shuffled, with what training said last."""
    sentences = demo_sentences()
    recognizer = SentenceRecognizer(given.demo / "sentences.txt")
    prompt = given.demo / "corpus" / "held-out" / VOICES[0] / "0000.wav"
    model = open_model(run.path, SAMPLERS)
    spoken, shuffled = (
        say_all(model, texts, prompt, seed=given.seed) for texts in (sentences, shuffle_words(sentences, given.seed))
    )
    rate = model.sample_rate
    right = judge("the model", [speech.wav.numpy() for speech in spoken], rate, recognizer, must=True)
    wrong = judge("shuffled text", [speech.wav.numpy() for speech in shuffled], rate, recognizer, must=False)
    lines = [json.loads(text) for text in run.metrics.read_text().splitlines()]
    gains = [line for line in lines if "text_gain" in line]
    return {
        "layout": model.components.ar.rules.layout,
        "step": lines[-1]["step"],
        "said": right.recognised,
        "wer": right.wer,
        "shuffled": wrong.recognised,
        "loss_0": lines[-1].get("loss_0"),
        "text_gain": gains[-1]["text_gain"] if gains else None,
    }


def controls(given: argparse.Namespace) -> dict[str, str]:
    """What the recognizer makes of the recordings through the codec, and of the demo's untrained model."""
    sentences = demo_sentences()
    recognizer = SentenceRecognizer(given.demo / "sentences.txt")
    prompt = given.demo / "corpus" / "held-out" / VOICES[0] / "0000.wav"
    untrained = open_model(given.demo / "untrained", SAMPLERS)
    references = [given.demo / "corpus" / "train" / VOICES[0] / f"{number:04d}.wav" for number in range(len(sentences))]
    codec = untrained.components.codec
    wavs = through_codec(references, codec, LEVELS, device=untrained.device)
    noise = [speech.wav.numpy() for speech in say_all(untrained, sentences, prompt, seed=given.seed)]
    trials = [
        judge("recordings through the codec", wavs, codec.sample_rate, recognizer, must=True),
        judge("untrained model", noise, untrained.sample_rate, recognizer, must=False),
    ]
    return {trial.name: shown(trial) for trial in trials}


def shown(trial: Trial) -> str:
    """As the report writes it."""
    return f"{trial.recognised} of {len(trial.verdicts)}, must be {'recognised' if trial.must else 'rejected'}"


def write_report(given: argparse.Namespace) -> None:
    """The table of what is done."""
    done = [json.loads(path.read_text()) for path in sorted(given.out.glob("*.json")) if path.stem != STEM]
    rows = [
        {**row, "size": " ".join(f"{name} {value}" for name, value in row["options"].items()),
         "enough": "yes" if row["said"] >= ENOUGH else "no"}
        for row in done
    ]  # fmt: skip
    columns = [
        Column(key="arch", title="backbone"),
        Column(key="size", title="size"),
        Column(key="layout", title="layout"),
        Column(key="step", title="steps"),
        Column(key="said", title="sentences of 24 said as asked"),
        Column(key="enough", title=f"at least {ENOUGH}"),
        Column(key="wer", title="word error rate", form=".2f"),
        Column(key="shuffled", title="shuffled text (must be at most 3)"),
        Column(key="loss_0", title="loss of level 0", form=".2f"),
        Column(key="text_gain", title="text gain", form=".2f"),
    ]
    facts = {**provenance(["torch", "transformers"]), "command": " ".join(["python", *sys.argv]), **controls(given)}
    report = Report(title="The demo's recipe with every backbone", facts=facts, rows=rows, columns=columns)
    for path in report.save(given.out, STEM):
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
