"""`valle demo`: from nothing to a recognised sentence on a laptop, by the commands a user would type."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How long it trains, and where it works.

    Attributes:
        out: folder for all results; the same command resumes an interrupted demo
        minutes: longest training time in minutes, in [0.05, 60]
        steps: number of training steps, unless the time runs out before
        seed: random seed of weights, data order and sampling
    """

    out: Path = Path("demo")
    minutes: float = 12.0
    steps: int = 900
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.05 <= self.minutes <= 60:
            raise UserError(f"minutes must be in [0.05, 60], got {self.minutes:g}")
        if self.steps < 1:
            raise UserError(f"steps must be at least 1, got {self.steps}")


SCHEMA = Schema(sections=(Section("demo", Options, flat=True, help="Options"),))


def demo(context: CommandContext) -> CommandResult:
    """Make a small synthetic corpus, train a tiny model on it, synthesize speech, and check it with a recognizer.

    The installed voice speaks first, where there is one. Then a model is trained on 24 sentences by two espeak-ng
    voices; the voice prompt is a recording it was not trained on. A recognizer that knows the 24 sentences checks each
    of them, and controls that must not be recognized.
    """
    from valle_cli.demo.recipe import LEVELS, SAMPLERS, VOICES, greet, make_data, say, steps_of, train
    from valle_cli.demo.report import check, shown
    from valle_cli.demo.sentences import demo_sentences

    own: Options = context.options("demo")
    out, seed = own.out, own.seed
    greet(context.command, out)
    make_data(context.command, out)
    train(context.command, out / "run", steps=own.steps, minutes=own.minutes, seed=seed)
    train(context.command, out / "untrained", steps=1, minutes=own.minutes, seed=seed + 1, lr=0.0)
    prompt = out / "corpus" / "held-out" / VOICES[0] / "0000.wav"
    sentence = demo_sentences()[seed % len(demo_sentences())]
    say(
        context.command, "synth", sentence, "--prompt", prompt, "--model", out / "run", "--out", out / "speech.wav",
        "--seed", seed, "--max-duration", 4, *SAMPLERS,
    )  # fmt: skip
    report = check(out, sentence=sentence, prompt=prompt, voice=VOICES[0], samplers=SAMPLERS, seed=seed, levels=LEVELS)
    report |= {"steps": steps_of(out / "run"), "steps_wanted": own.steps}
    return CommandResult(text="\n".join(shown(report)), facts=report, code=0 if report["passed"] else 1)
