"""`valle demo`: from nothing to a recognised sentence on a laptop, by the commands a user would type."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from valle_cli.help_page import epilog
from valle_core.plugin import UserError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

VOICES = ("en-us+f2", "en-us+m3")
LEVELS = 4


@app.command(epilog=epilog(["valle demo", "valle demo --out demo --minutes 4 --json"]))
def demo(
    context: typer.Context,
    *,
    out: Annotated[Path, typer.Option(help="folder of everything it makes; run again to go on")] = Path("demo"),
    minutes: Annotated[float, typer.Option(min=0.05, max=60, help="training stops after this long")] = 4.8,
    steps: Annotated[int, typer.Option(min=1, help="training steps, if the time is enough")] = 900,
    seed: Annotated[int, typer.Option(help="of weights, data order and draws")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as JSON at the end")] = False,
) -> None:
    """Make a small synthetic corpus, train a tiny model on it, let it speak, and check what it says.

    24 sentences by two espeak-ng voices are learnt; the voice prompt is a recording the model never saw.
    A recognizer that knows the 24 sentences judges every one, and the controls beside them.
    """
    from valle_cli.demo.report import check, show
    from valle_cli.demo.sentences import demo_prompts, demo_sentences

    flags = ["--safe"] if context.obj.safe else []
    out.mkdir(parents=True, exist_ok=True)
    script, prompts = out / "sentences.txt", out / "prompts.txt"
    script.write_text("\n".join(demo_sentences()) + "\n", encoding="utf-8")
    prompts.write_text("\n".join(demo_prompts()) + "\n", encoding="utf-8")
    if not (out / "corpus" / "corpus.json").exists():
        speakers = [word for voice in VOICES for word in ("--speaker", voice)]
        say("corpus", *flags, "--out", out / "corpus", *speakers, "--script", script, "--held-out-script", prompts)
    say("prepare", *flags, out / "corpus", "--out", out / "data", "--held-out-fraction", 0)
    train(out / "run", out / "data", *flags, steps=steps, minutes=minutes, seed=seed)
    train(out / "untrained", out / "data", *flags, steps=1, minutes=minutes, seed=seed + 1, lr=0.0)
    prompt = out / "corpus" / "held-out" / VOICES[0] / "0000.wav"
    sentence = demo_sentences()[seed % len(demo_sentences())]
    say(
        "synth", *flags, sentence, "--prompt", prompt, "--model", out / "run", "--out", out / "speech.wav",
        "--seed", seed, "--max-duration", 4, *SAMPLERS,
    )  # fmt: skip
    report = check(out, sentence=sentence, prompt=prompt, voice=VOICES[0], samplers=SAMPLERS, seed=seed, levels=LEVELS)
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        show(report)
    if not report["passed"]:
        raise typer.Exit(1)


ARCH = ("--arch", "llama", "--arch.d-model", 192, "--arch.n-layers", 4, "--arch.n-heads", 4)

RECIPE = (
    "--warmup", 30, "--arch.dropout", 0.1, "--model.token-rate", 0.05, "--batching.seconds", 16,
    "--task", "tts", "--task.min-seconds", 0.8, "--task.max-seconds", 2.4,
    "--model.levels", LEVELS, "--model.level-distribution", "list",
    *(word for weight in (0.6, 0.15, 0.15, 0.1) for word in ("--model.level-weights", weight)),
)  # fmt: skip
"""What does not depend on the backbone; benchmarks/studies/every_backbone.py trains the others by it."""

SAMPLERS = ("--sampler", "top_p", "--sampler.p", "0.8", "--sampler", "sample")
"""A little narrower than the default of `valle synth`: what a small model is unsure of is seldom right."""


def train(run: Path, data: Path, *flags: str, steps: int, minutes: float, seed: int, lr: float = 2e-3) -> None:
    """Train, or go on where an interrupted demo stopped."""
    from valle_core.checkpoint.folder import RunFolder, read_manifest

    words: list[object] = [
        "--data", data, "--out", run, "--steps", steps, "--minutes", minutes, "--seed", seed, "--lr", lr,
        "--checkpoint-every", 100, "--keep", 1, *ARCH, *RECIPE,
    ]  # fmt: skip
    done = RunFolder(run).steps()
    if done and read_manifest(RunFolder(run).latest()).step >= steps:
        typer.echo(f"{run} is trained already")
        return
    say("train", *flags, *words, *(["--resume"] if done else []))


def say(*words: object) -> None:
    """Show a command and run it; stops the demo when it fails."""
    from valle_cli.main import run

    argv = [str(word) for word in words]
    typer.echo(f"\n$ valle {shlex.join(argv)}", err=True)
    if code := run(argv):
        raise UserError(f"`valle {argv[0]}` ended with exit code {code}; fix what it says and run the demo again")
