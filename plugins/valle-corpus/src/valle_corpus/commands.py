"""`valle corpus`: the synthetic corpus as a command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from valle_core.api import CommandContext, CommandResult, Schema, Section
from valle_core.plugin import UserError

if TYPE_CHECKING:
    from valle_corpus.plan import CorpusPlan


@dataclass(frozen=True, kw_only=True, slots=True)
class CorpusOptions:
    """What is spoken, and where it goes.

    Attributes:
        out: new or empty folder for the corpus; the same command resumes an interrupted one
        engine: speech synthesizer: espeak, kokoro, hibari, flite …; an unknown name lists them
        voices: number of training speakers
        utterances: number of sentences of each training speaker
        held_out_voices: number of held-out speakers, which are not in training
        held_out_utterances: number of sentences of each held-out speaker
        languages: languages, separated by commas, of en, fr, de and es
        minutes: duration in minutes after which a group is complete; 0: no limit
        sample_rate: sample rate in Hz, in [8000, 48000]; 0: the engine's own
        seed: random seed; the same options and seed reproduce the same bytes
        workers: number of processes
        speaker: voice of the engine to use, e.g. en-us+f2; may be repeated; with --script
        script: text file whose lines every speaker reads
        held_out_script: text file whose lines every held-out speaker reads
        texts: text file whose lines are distributed over the speakers, each read once
        wordnet: folder of WordNet's data.* files, whose example sentences are distributed over the speakers
        styles: folder of Kokoro's style files *.bin, for --engine kokoro and kokoro-mixtures
    """

    out: Path
    engine: str = "espeak"
    voices: int = 20
    utterances: int = 20
    held_out_voices: int = 4
    held_out_utterances: int = 5
    languages: str = "en"
    minutes: float = 0.0
    sample_rate: int = 0
    seed: int = 0
    workers: int = 2
    speaker: tuple[str, ...] = ()
    script: Path | None = None
    held_out_script: Path | None = None
    texts: Path | None = None
    wordnet: Path | None = None
    styles: Path | None = None

    def __post_init__(self) -> None:
        least = {"voices": 1, "utterances": 1, "workers": 1, "minutes": 0}
        least |= {"held_out_voices": 0, "held_out_utterances": 0}
        for name, bound in least.items():
            if not getattr(self, name) >= bound:
                raise UserError(f"{name} must be at least {bound}, got {getattr(self, name)}")
        if self.sample_rate and not 8000 <= self.sample_rate <= 48000:
            raise UserError(f"sample_rate must be 0 or in [8000, 48000], got {self.sample_rate}")
        if self.texts and self.wordnet:
            raise UserError("give --texts or --wordnet, not both")


SCHEMA = Schema(sections=(Section("corpus", CorpusOptions, flat=True, help="Options"),))


def corpus(context: CommandContext) -> CommandResult:
    """Synthesize a corpus of many voices: OUT/{train,held-out}/SPEAKER/*.wav, .txt and .json with times, and tables.

    Voices and sentences are drawn from built-in lists, or named with --speaker and --script. The same
    command resumes an interrupted corpus.
    """
    from valle_corpus.engines.known import engine_row
    from valle_corpus.matching import frontend_of
    from valle_corpus.writing import write_corpus

    own: CorpusOptions = context.options("corpus")
    with context.progress("utterance") as bar:
        seconds = write_corpus(
            own.out,
            plan_of(own),
            workers=own.workers,
            read=frontend_of(context, engine_row(own.engine).frontend),
            progress=lambda group, done, total, length: bar.move(done, total, f"{group} {length / 60:.1f} min"),
        )
    spoken = ", ".join(f"{group} {value / 60:.1f} min" for group, value in seconds.items())
    return CommandResult(text=f"wrote {own.out}: {spoken}", facts={"out": str(own.out), "seconds": seconds})


def plan_of(own: CorpusOptions) -> CorpusPlan:
    """What to speak. Raises `UserError` for what the engine does not take, or a file that cannot be read."""
    from valle_corpus.engines.known import engine_row
    from valle_corpus.plan import CorpusPlan
    from valle_corpus.sentences.wordnet import examples

    row = engine_row(own.engine)
    given = {"styles": str(own.styles)} if own.styles is not None else {}
    if strange := [name for name in given if name not in row.options]:
        raise UserError(f"engine '{own.engine}' takes no --{strange[0]}")
    return CorpusPlan(
        engine=own.engine,
        options=given or None,
        texts=tuple(examples(own.wordnet)) if own.wordnet else read_script(own.texts),
        voices=own.voices,
        utterances=own.utterances,
        held_out_voices=own.held_out_voices,
        held_out_utterances=own.held_out_utterances,
        languages=tuple(tag.strip() for tag in own.languages.split(",") if tag.strip()),
        minutes=own.minutes,
        sample_rate=own.sample_rate,
        seed=own.seed,
        speakers=own.speaker,
        script=read_script(own.script),
        held_out_script=read_script(own.held_out_script),
    )


def read_script(path: Path | None) -> tuple[str, ...]:
    """The non-empty lines of a text file. Raises `UserError` when it cannot be read or holds none."""
    if path is None:
        return ()
    try:
        lines = tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"script '{path}' cannot be read ({why}). Give an existing UTF-8 text file") from error
    if not lines:
        raise UserError(f"script '{path}' holds no sentence. Write one per line")
    return lines
