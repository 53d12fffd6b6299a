"""All backbones on one small corpus: the same data, steps and seed, and about the same number of parameters.

    python benchmarks/studies/compare_archs.py --out runs/compare --steps 2000 --ablation
    cp runs/compare/compare-archs.* benchmarks/results/

It makes a synthetic corpus, prepares it with the built-in codec, trains each backbone by `valle train`, measures loss
and accuracy on held-out voices at several checkpoints, then training speed and decoding speed, and writes a table and
curves. Interrupted, the same command goes on; what is done is not done again. Accuracy does not depend on who else uses
the machine; the speeds do, so they come last, in turns, and are refused on a busy machine (wait, and run it again).
`--ablation` adds the recurrent backbones with full rows read one way only (`full_rows = causal`); with `--parts nar
--levels 2` all of a small budget goes to such rows.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from held_out import decoding_rate, score

from valle_bench.arch.run import REFERENCE
from valle_bench.arch.settings import Candidate, Settings
from valle_bench.arch.sizes import equal_size, given_size
from valle_bench.candidates import candidates_of
from valle_bench.machine import describe, provenance
from valle_bench.report import Column, Report
from valle_core.api import Registry, RunFolder, UserError, open_dataset
from valle_core.files import replacing, write_json

STEM = "compare-archs"
POINTS = 8
"""Checkpoints of a run that are measured."""

TIMED_STEPS = 14
"""Steps of training whose speed is measured, after the first two."""

ABLATION = "full_rows"
"""The option that is set to "causal" by `--ablation`, in the backbones that have it."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One line of the table.

    Attributes:
        name: as shown, and of its folder.
        subject: backbone, options and the parameters of the backbone.
    """

    name: str
    candidate: Candidate


def main() -> None:
    given = arguments()
    registry = Registry.open()
    archs, left_out = candidates_of(registry, "arch", given.arch or [], "cpu")
    found = variants(registry, archs, given)
    for variant in found:
        say(f"{variant.name}: {variant.candidate.parameters:,} parameters, {variant.candidate.options}")
    given.out.mkdir(parents=True, exist_ok=True)
    same_study(given)
    data = dataset(given)
    for variant in found:
        study(variant, data, given, registry)
    facts = {**describe(force=given.force), **provenance(["torch", "transformers"])}
    facts["command"] = " ".join(["python", *sys.argv])
    for variant in found:
        measure(variant, data, given, registry)
    rows = [
        {
            **json.loads(done(given.out, variant.name).read_text()),
            **json.loads(timed(given.out, variant.name).read_text()),
        }
        for variant in found
    ]
    facts |= {"left_out": ", ".join(left_out) or "nothing", "steps": given.steps, "seed": given.seed}
    facts |= {"corpus": f"{given.voices} voices × {given.utterances} utterances, held out {given.held_out_voices} × "
                        f"{given.held_out_utterances}"}  # fmt: skip
    report = table(rows, facts)
    for path in report.save(given.out, STEM):
        say(f"wrote {path}")
    draw(given.out / f"{STEM}.png", rows)
    print(report.text())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the study")
    parser.add_argument("--arch", action="append", help="backbone; may be repeated; all when left out")
    parser.add_argument("--ablation", action="store_true", help="recurrent backbones with full rows one way, too")
    parser.add_argument("--steps", type=int, default=2000, help="optimizer steps of each backbone")
    parser.add_argument("--minutes", type=float, default=0.0, help="stop a backbone after so long; 0: no limit")
    parser.add_argument("--seconds", type=float, default=30.0, help="audio in a batch")
    parser.add_argument("--d-model", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--parts", choices=("both", "nar"), default="both", help="nar: levels ≥ 1 alone")
    parser.add_argument("--levels", type=int, default=0, help="of the codec that are modelled; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--voices", type=int, default=24)
    parser.add_argument("--utterances", type=int, default=20)
    parser.add_argument("--held-out-voices", type=int, default=4)
    parser.add_argument("--held-out-utterances", type=int, default=8)
    parser.add_argument("--force", action="store_true", help="although others use the machine")
    return parser.parse_args()


def variants(registry: Registry, archs: Sequence[str], given: argparse.Namespace) -> list[Variant]:
    """The backbones at about the reference's parameter count, and those of the ablation."""
    settings = Settings(d_model=given.d_model, n_layers=given.layers, lengths=(4096,), train_length=1, positions=(),
                        memory_length=0)  # fmt: skip
    sized = {arch: given_size(registry, arch, settings, {}) for arch in archs}
    target = sized.get(REFERENCE, sized[archs[0]]).parameters
    found = [Variant(arch, equal_size(registry, sized[arch], target, settings, {})) for arch in archs]
    types = set()  # retnet-hf is retnet: one of those with the same options is enough
    for arch in archs if given.ablation else ():
        options = registry.select("arch", arch).options_type()
        if ABLATION in options.__dataclass_fields__ and options not in types:
            types.add(options)
            extra = {ABLATION: "causal"}
            one_way = given_size(registry, arch, settings, extra)
            found.append(Variant(f"{arch}-one-way", equal_size(registry, one_way, target, settings, extra)))
    return found


def same_study(given: argparse.Namespace) -> None:
    """Refuse to mix results of different budgets in one folder."""
    free = {"out", "arch", "ablation", "force"}
    budget = {name: value for name, value in vars(given).items() if name not in free}
    path = given.out / "budget.json"
    if path.exists() and (before := json.loads(path.read_text())) != budget:
        changed = ", ".join(name for name in budget if before.get(name) != budget[name])
        raise UserError(f"{given.out} holds a study with another {changed}. Choose another --out")
    write_json(path, budget)


def dataset(given: argparse.Namespace) -> Path:
    """The prepared corpus; what is there already is kept."""
    recordings, data = given.out / "recordings", given.out / "data"
    spoken = given.out / "corpus.json"
    if not spoken.exists():
        shutil.rmtree(recordings, ignore_errors=True)  # a corpus is made whole
        valle("corpus", "--out", recordings, "--voices", given.voices, "--utterances", given.utterances,
              "--held-out-voices", given.held_out_voices, "--held-out-utterances", given.held_out_utterances,
              "--seed", given.seed)  # fmt: skip
        write_json(spoken, {"complete": True})
    valle("prepare", recordings, "--out", data, "--quiet")
    return data


def study(variant: Variant, data: Path, given: argparse.Namespace, registry: Registry) -> None:
    """Train one backbone and measure its checkpoints, unless that was done."""
    if done(given.out, variant.name).exists():
        say(f"{variant.name}: done before")
        return
    run = RunFolder(given.out / "runs" / variant.name)
    trained = run.path / "trained.json"
    if not trained.exists():
        begun = time.perf_counter()
        train(variant, run, data, given)
        write_json(trained, {"minutes": (time.perf_counter() - begun) / 60})
    held_out = open_dataset(data, part="held-out")
    curve = []
    for step in run.steps():
        curve.append({"step": step, **score(run.checkpoint(step), held_out, registry)})
        say(f"{variant.name}: step {step}: loss {curve[-1]['loss']:.3f}, accuracies {curve[-1]['accuracies']}")
    result = {
        "name": variant.name,
        **asdict(variant.candidate),
        "curve": curve,
        **{name: curve[-1][name] for name in ("step", "loss", "level_0", "nar", "accuracies", "losses")},
        **json.loads(trained.read_text()),
    }
    write_json(done(given.out, variant.name), result)
    for step in run.steps()[:-1]:
        shutil.rmtree(run.checkpoint(step))


def measure(variant: Variant, data: Path, given: argparse.Namespace, registry: Registry) -> None:
    """Speeds of one backbone: a few steps of training anew, and answers of the trained one."""
    path = timed(given.out, variant.name)
    if path.exists():
        return
    with tempfile.TemporaryDirectory() as scratch:
        run = RunFolder(Path(scratch) / "run")
        begin(variant, run, data, given, "--steps", TIMED_STEPS, "--log-every", 1, "--checkpoint-every", TIMED_STEPS)
        lines = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    prompt = min((given.out / "recordings" / "held-out").rglob("*.wav"))
    speeds = {
        "training_tokens_per_s": statistics.median(line["tokens_per_second"] for line in lines[2:]),
        "decoding_tokens_per_s": None
        if given.parts == "nar"
        else decoding_rate(given.out / "runs" / variant.name, prompt, registry),
    }
    say(f"{variant.name}: {speeds}")
    write_json(path, speeds)


def train(variant: Variant, run: RunFolder, data: Path, given: argparse.Namespace) -> None:
    """Train to the end of the budget, from the newest checkpoint if there is one."""
    if run.steps():
        valle("train", "--config", run.config, "--resume", "--quiet")
        return
    begin(variant, run, data, given, "--steps", given.steps, "--minutes", given.minutes,
          "--warmup", min(100, max(1, given.steps // 10)), "--checkpoint-every", max(1, given.steps // POINTS),
          "--keep", 0)  # fmt: skip


def begin(variant: Variant, run: RunFolder, data: Path, given: argparse.Namespace, *more: object) -> None:
    """`valle train` of a variant."""
    options = [word for name, value in variant.candidate.options.items() for word in ("--set", f"arch.{name}={value}")]
    valle("train", "--data", data, "--out", run.path, "--arch", variant.candidate.arch, *options, "--seed", given.seed,
          "--model.parts", given.parts, "--model.levels", given.levels, "--lr", given.lr,
          "--batching.seconds", given.seconds, *more, "--quiet")  # fmt: skip


def done(out: Path, name: str) -> Path:
    """Where a variant's result lies once it is complete."""
    return out / "results" / f"{name}.json"


def timed(out: Path, name: str) -> Path:
    """Where a variant's speeds lie once they are measured."""
    return out / "speeds" / f"{name}.json"


def table(rows: Sequence[dict[str, Any]], facts: dict[str, Any]) -> Report:
    """One line per variant."""
    shown = [
        {
            **row,
            "d_model": row["options"].get("d_model"),
            "n_layers": row["options"].get("n_layers"),
            "levels": " ".join(f"{value:.2f}" for value in row["accuracies"]),
        }
        for row in rows
    ]
    columns = [
        Column(key="name", title="backbone"),
        Column(key="parameters", title="parameters", form=","),
        Column(key="d_model", title="d_model"),
        Column(key="n_layers", title="layers"),
        Column(key="step", title="steps"),
        Column(key="loss", title="held-out loss", form=".3f"),
        Column(key="level_0", title="level-0 accuracy", form=".3f"),
        Column(key="nar", title="NAR accuracy", form=".3f"),
        Column(key="levels", title="accuracy by level"),
        Column(key="training_tokens_per_s", title="training tokens/s", form=".0f"),
        Column(key="decoding_tokens_per_s", title="decoding tokens/s", form=".0f"),
        Column(key="minutes", title="minutes", form=".1f"),
    ]
    title = "All backbones on one small corpus: same data, steps and seed, held-out voices"
    return Report(title=title, facts=facts, rows=shown, columns=columns)


def draw(png: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Held-out curves by step, accuracy by level, speeds; variants of the ablation are dashed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 8), layout="constrained")
    axes = figure.subplots(2, 3).flatten()
    colours = {arch: f"C{index}" for index, arch in enumerate(dict.fromkeys(row["arch"] for row in rows))}
    for row in rows:
        look = {"color": colours[row["arch"]], "linestyle": "-" if row["name"] == row["arch"] else "--", "marker": "."}
        steps = [point["step"] for point in row["curve"]]
        for axis, key in zip(axes, ("loss", "level_0", "nar"), strict=False):
            values = [float("nan") if point[key] is None else point[key] for point in row["curve"]]
            axis.plot(steps, values, label=row["name"], **look)
        first = int(row["level_0"] is None)
        axes[3].plot(range(first, first + len(row["accuracies"])), row["accuracies"], label=row["name"], **look)
    names = [row["name"] for row in rows]
    for axis, key in ((axes[4], "training_tokens_per_s"), (axes[5], "decoding_tokens_per_s")):
        axis.bar(names, [row[key] or 0 for row in rows], color=[colours[row["arch"]] for row in rows])
        axis.tick_params(axis="x", labelrotation=45)
    titles = ("held-out loss, mean of levels", "accuracy at level 0", "accuracy at levels ≥ 1", "accuracy by level, at "
              "the end", "training, tokens/s", "decoding, tokens/s")  # fmt: skip
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title, fontsize=10)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    with replacing(png) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
    say(f"wrote {png}")


def valle(*words: object) -> None:
    """Run a command of `valle` to its end; its error is ours."""
    command = [sys.executable, "-m", "valle_cli", *map(str, words)]
    say("$ valle " + " ".join(command[3:]))
    if (code := subprocess.run(command, stdout=subprocess.DEVNULL).returncode) != 0:
        raise SystemExit(code)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        raise SystemExit(f"error: {error}") from None
