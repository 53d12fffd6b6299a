"""How the demo makes its corpus, its models and its speech: by the commands a user would type."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from valle_cli.demo.sentences import demo_prompts, demo_sentences
from valle_core.plugin import UserError

VOICES = ("en-us+f2", "en-us+m3")
LEVELS = 4
ARCH = ("--arch", "llama", "--arch.d-model", 192, "--arch.n-layers", 4, "--arch.n-heads", 4)
RECIPE = (
    "--warmup", 30, "--arch.dropout", 0.1, "--model.token-rate", 0.05, "--batching.seconds", 40,
    "--task", "tts", "--task.min-seconds", 0.8, "--task.max-seconds", 2.4,
    "--model.levels", LEVELS, "--model.level-distribution", "list",
    *(word for weight in (0.6, 0.15, 0.15, 0.1) for word in ("--model.level-weights", weight)),
)  # fmt: skip
"""What does not depend on the backbone; benchmarks/studies/every_backbone.py trains the others by it."""

SAMPLERS = ("--sampler", "top_p", "--sampler.p", "0.8", "--sampler", "sample")
"""A little narrower than the default of `valle synth`: what a small model is unsure of is seldom right."""

GREETING = "This voice came with the toolkit. The next one is trained while you wait."

Command = Callable[..., int]
"""Runs a command of `valle` on these words, see `valle_core.command.CommandContext.command`."""


def greet(command: Command, out: Path) -> None:
    """Let the installed voice speak before anything is trained; where it cannot, say why and go on."""
    from valle.boxes import installed_box

    try:
        installed_box()
    except UserError as error:
        print(f"note: no voice speaks before the training: {error}", file=sys.stderr)
        return
    out.mkdir(parents=True, exist_ok=True)
    if run_shown(command, "synth", GREETING, "--out", out / "voice.wav"):
        print("note: the voice cannot speak, see above; the training needs none of it", file=sys.stderr)


def make_data(command: Command, out: Path) -> None:
    """The corpus and the dataset of it, where they are not there yet."""
    script, prompts = out / "sentences.txt", out / "prompts.txt"
    out.mkdir(parents=True, exist_ok=True)
    script.write_text("\n".join(demo_sentences()) + "\n", encoding="utf-8")
    prompts.write_text("\n".join(demo_prompts()) + "\n", encoding="utf-8")
    if not (out / "corpus" / "corpus.json").exists():
        speakers = [word for voice in VOICES for word in ("--speaker", voice)]
        say(command, "corpus", "--out", out / "corpus", *speakers, "--script", script, "--held-out-script", prompts)
    say(command, "prepare", out / "corpus", "--out", out / "data", "--held-out-fraction", 0)


def train(command: Command, run: Path, *, steps: int, minutes: float, seed: int, lr: float = 2e-3) -> None:
    """Train on the dataset beside `run`, or go on where an interrupted demo stopped."""
    words: list[object] = [
        "--data", run.parent / "data", "--out", run, "--steps", steps, "--minutes", minutes, "--seed", seed, "--lr", lr,
        "--checkpoint-every", 100, "--keep", 1, *ARCH, *RECIPE,
    ]  # fmt: skip
    done = steps_of(run)
    if done >= steps:
        print(f"{run} is trained already", file=sys.stderr)
        return
    say(command, "train", *words, *(["--resume"] if done else []))


def steps_of(run: Path) -> int:
    """Steps that a run was trained, 0 where nothing is saved."""
    from valle_core.checkpoint.folder import RunFolder

    return max(RunFolder(run).steps(), default=0)


def say(command: Command, *words: object) -> None:
    """Show a command and run it; stops the demo when it fails."""
    if code := run_shown(command, *words):
        raise UserError(f"`valle {words[0]}` ended with exit code {code}; fix what it says and run the demo again")


def run_shown(command: Command, *words: object) -> int:
    """Show a command and run it; its exit code."""
    print(f"\n$ valle {shlex.join(map(str, words))}", file=sys.stderr)
    return command(*words)
