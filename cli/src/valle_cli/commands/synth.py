"""`valle synth`: speaks a text in the voice of a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError
from valle_core.synthesis.options import SYNTHESIS_SCHEMA

if TYPE_CHECKING:
    from jaxtyping import Int
    from torch import Tensor

    from valle.boxes import VoiceBox
    from valle_core.synthesis.request import Request, Speech, Timing


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What is said, and where it goes.

    Attributes:
        text: what to say
        text_file: say each line of this file, as one batch; line k with seed + k - 1
        voice: saved voice that speaks, where no --model is named; default: the first
        list_voices: list the saved voices, and say nothing
        prompt: recording of the voice; none: a saved voice, or the model chooses
        prompt_text: what the prompt says (for --task tts-c)
        language: tag, e.g. en-us, or auto; default: the model's first
        phonemes: the text is phonemes (IPA), not words
        out: wav, flac or ogg to write; several lines get -1, -2, …
        spectrogram: PNG of the prompt and the speech side by side
        split: long text: a sentence at a time, joined; or none
        pause: seconds between two sentences
        max_letters: longest sentence in letters; longer ones are split at their clauses
        seed: random seed; the same seed reproduces the same audio
        max_duration: maximum duration of a sentence in seconds; longer output is truncated with a warning
    """

    text: str = ""
    text_file: Path | None = None
    voice: str = ""
    list_voices: bool = False
    prompt: Path | None = None
    prompt_text: str = ""
    language: str | None = None
    phonemes: bool = False
    out: Path = Path("out.wav")
    spectrogram: Path | None = None
    split: Literal["sentences", "none"] = "sentences"
    pause: float = 0.25
    max_letters: int = 200
    seed: int = 0
    max_duration: float = 20.0


SCHEMA = Schema(
    SYNTHESIS_SCHEMA.slots,
    (Section("speech", Options, flat=True, help="Options", positional=("text",)), *SYNTHESIS_SCHEMA.sections),
)


def synth(context: CommandContext) -> CommandResult:
    """Synthesize speech from text in the voice of a prompt, with a trained model or the installed voice."""
    from valle.speaker import box_of, prompt_of
    from valle_cli.speech import read_lines, targets, write_all
    from valle_core.registry.hooks import SPEAKING, open_observers
    from valle_core.synthesis.open import open_synthesizer
    from valle_data.audio.reading import load
    from valle_language.long_text import Splitting, speak_long, with_languages
    from valle_language.phonemic import symbols_of

    own: Options = context.options("speech")
    box, resolved = box_of(context.options("synthesis")), context.resolved
    if own.list_voices:
        return listed(box)
    if box is not None:
        own_samplers = "sampler" not in context.given
        resolved = box.configured(resolved, context.registry, own_samplers=own_samplers, config=context.config)
    voice = prompt_of(box, own.voice, own.prompt)
    splitting = Splitting(by=own.split, pause=own.pause, most=own.max_letters)
    texts = read_lines(own.text, own.text_file)
    paths = targets(own.out, len(texts), own.spectrogram)
    observers = open_observers(context.registry, of=SPEAKING)
    synthesizer = open_synthesizer(resolved, context.registry, observers, read_text=symbols_of, load_prompt=load)
    languages = synthesizer.components.languages
    asked, notes = with_languages(requests(own, texts, voice), languages)
    for note in notes:
        context.note(note)
    speeches = speak_long(synthesizer, asked, splitting, languages)
    write_all(paths, speeches, own.prompt, own.spectrogram)
    for line in (line for request, speech in zip(asked, speeches, strict=True) for line in speech.notes(request)):
        context.warn(line)
    assert synthesizer.timing is not None
    lines = zip(texts, paths, asked, speeches, strict=True)
    return written([row(*line, languages[0]) for line in lines], synthesizer.timing)


def listed(box: VoiceBox | None) -> CommandResult:
    """The saved voices, the one that speaks by default first. Raises `UserError` where the model has none."""
    if box is None:
        raise UserError("the model that --model names has no saved voices; leave --model out, or give a --prompt")
    lines = [f"{name:<10}{sounds}" for name, sounds in box.voices.items()]
    return CommandResult(text="\n".join(lines), facts=[{"name": n, "sounds": s} for n, s in box.voices.items()])


def requests(own: Options, texts: Mapping[int, str], prompt: Path | Int[Tensor, "F Q"] | None) -> list[Request]:
    """One for each line; line k with seed + k - 1."""
    from valle_core.synthesis.request import Request

    return [
        Request(
            text=line,
            prompt=prompt,
            prompt_text=own.prompt_text,
            language=own.language,
            seed=own.seed + number - 1,
            max_seconds=own.max_duration,
            phonemes=own.phonemes,
        )
        for number, line in texts.items()
    ]


def row(number: int, path: Path, request: Request, speech: Speech, language: str) -> dict[str, object]:
    """What a script reads about one line."""
    return {
        "out": str(path),
        "language": request.language or language,
        "line": number,
        "seed": request.seed,
        "seconds": speech.seconds,
        "stopped": speech.stopped,
        "unknown": speech.unknown,
        "words": [
            {"phonemes": word.symbols, "start": round(word.start, 3), "end": round(word.end, 3)}
            for word in speech.words
        ],
    }


def written(rows: Sequence[Mapping[str, object]], timing: Timing) -> CommandResult:
    """The files that were written, and how fast."""
    rtf = timing.real_time_factor
    lines = [f"{row['out']}: {row['seconds']:.2f} s" for row in rows]
    lines.append(
        f"{timing.tokens_per_second:.0f} tokens/s at level 0, real-time factor {rtf:.2f} "
        f"(below 1 is faster than real time)"
    )
    return CommandResult(text="\n".join(lines), facts={"speech": rows, "timing": asdict(timing), "rtf": rtf})
