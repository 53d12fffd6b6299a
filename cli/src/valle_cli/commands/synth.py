"""`valle synth`: speaks a text in the voice of a prompt, or works on a recording (noise, voices, edits)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section, Slot
from valle_core.plugin import UserError
from valle_core.synthesis.options import SYNTHESIS_SCHEMA

if TYPE_CHECKING:
    from valle.boxes import VoiceBox
    from valle.speaker import Speaker
    from valle.speech import Speech
    from valle_core.synthesis.request import Request, Timing
    from valle_kit.written_answers import Written


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What is said, and where it goes.

    Attributes:
        text: text to synthesize
        text_file: text file to synthesize, one utterance per line; line k uses random seed SEED + k - 1
        voice: installed or saved voice to use; left out: the first installed one, unless --model is given
        voices: folder of saved voices; left out: the user's own
        list_voices: list the voices of the model and the saved ones, and exit
        prompt: recording of the voice to imitate; left out: an installed voice, or any voice with --model
        prompt_text: transcript of the prompt (needed by --task tts-c)
        input: recording to work on (for --task ns, sr, tse, vc, cse and nse)
        replace: words of the input to replace by the text (for --task cse and nse)
        input_text: transcript of the input, to find the words to replace; left out: it is recognized
        span: start and end of the words to replace in seconds, as [START, END]; left out: the recognizer finds them
        language: language tag of the text, e.g. en-us, or auto to detect it; left out: the model's first language
        phonemes: read the text as phonemes (IPA)
        out: audio file to write: wav, flac or ogg; with --text-file numbered -1, -2, …
        stream: write the sound to standard output as wav while it is made, in place of --out
        spectrogram: PNG file to draw the spectrograms of prompt and speech into
        split: synthesize a long text sentence by sentence, or in one piece (none)
        pause: silence between two sentences in seconds
        max_letters: maximum length of a sentence in letters; longer ones are split at clauses
        seed: random seed; the same seed reproduces the same audio
        max_duration: maximum duration of a sentence in seconds, at speed 1; longer output is truncated with a warning
        duration: duration of a sentence in seconds, for --sampler masked; left out: predicted by an alignment
    """

    text: str = ""
    text_file: Path | None = None
    voice: str = ""
    voices: Path | None = None
    list_voices: bool = False
    prompt: Path | None = None
    prompt_text: str = ""
    input: Path | None = None
    replace: str = ""
    input_text: str = ""
    span: tuple[float, ...] = ()
    language: str | None = None
    phonemes: bool = False
    out: Path = Path("out.wav")
    stream: bool = False
    spectrogram: Path | None = None
    split: Literal["sentences", "none"] = "sentences"
    pause: float = 0.25
    max_letters: int = 200
    seed: int = 0
    max_duration: float = 20.0
    duration: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.max_duration <= 3600:
            raise UserError(f"max_duration must be in (0, 3600] s, got {self.max_duration:g}")


SCHEMA = Schema(
    (*SYNTHESIS_SCHEMA.slots, Slot("recognizer", "recognizer", None)),
    (Section("speech", Options, flat=True, help="Options", positional=("text",)), *SYNTHESIS_SCHEMA.sections),
)


def synth(context: CommandContext) -> CommandResult:
    """Synthesize speech from text in the voice of a prompt, with a trained model or the installed voice."""
    from valle.boxes import box_of
    from valle_cli.commands.transform import transform
    from valle_cli.piped import piped
    from valle_cli.speech import read_lines, targets, write_all
    from valle_core.synthesis.request import Request

    own: Options = context.options("speech")
    box = box_of(context.options("synthesis"))
    if own.list_voices:
        return listed(box, own.voices)
    check_voice(box, own)
    if own.stream:
        return piped(context, own)
    if own.input is not None:
        return transform(context, own)
    _refuse_without_input(own)
    texts = read_lines(own.text, own.text_file)
    paths = targets(own.out, len(texts), own.spectrogram)
    followed = own.prompt or (Path(own.voice) if own.voice else None)
    speaker = opened(context, own, [Request(text=text, prompt=followed) for text in texts.values()])
    if speaker.synthesizer.components.task.output != "codes":
        return in_writing(own, speaker)
    speeches = spoken(own, speaker, texts)
    for note in dict.fromkeys(speech.detected for speech in speeches if speech.detected):
        context.note(note)
    write_all(paths, speeches, own.prompt, own.spectrogram)
    return written([row(*line) for line in zip(texts, paths, speeches, strict=True)], speaker.timing)


def _refuse_without_input(own: Options) -> None:
    """Raises `UserError` for options about a recording that is not named."""
    for name in ("replace", "input_text", "span"):
        if getattr(own, name):
            raise UserError(f"--{name.replace('_', '-')} is about a recording; name it with --input")


def in_writing(own: Options, speaker: Speaker) -> CommandResult:
    """The answer of a task that gives no speech. Raises `UserError` for what it does not take."""
    if own.prompt_text or own.text_file:
        raise UserError("a task that writes takes one text and no --prompt-text; leave the rest out")
    return answered(
        speaker.write(
            own.text,
            prompt=own.prompt,
            voice=own.voice,
            language=own.language,
            seed=own.seed,
            phonemes=own.phonemes,
            max_seconds=own.max_duration,
        )
    )


def spoken(own: Options, speaker: Speaker, texts: Mapping[int, str]) -> list[Speech]:
    """The speech of each line."""
    return speaker.speak(
        list(texts.values()),
        prompt=own.prompt,
        voice=own.voice,
        prompt_text=own.prompt_text,
        language=own.language,
        seed=[own.seed + number - 1 for number in texts],
        phonemes=own.phonemes,
        split=own.split,
        pause=own.pause,
        max_letters=own.max_letters,
        max_seconds=own.max_duration,
        seconds=own.duration,
    )


def check_voice(box: VoiceBox | None, own: Options) -> None:
    """Refuse a voice that is not there before a model is loaded. Raises `UserError`."""
    from valle.following import prompt_of

    prompt_of(box, own.voice, own.prompt, own.voices)


def opened(context: CommandContext, own: Options, asked: Sequence[Request]) -> Speaker:
    """The model that speaks. Raises `UserError` for what does not fit its task, before weights are read."""
    from valle.speaker import open_speaker

    # The recognizer that finds words is opened for itself, wherever the model runs.
    resolved = replace(context.resolved, parts={**context.resolved.parts, "recognizer": ()})
    given = {"config": context.config, "given": context.given, "saved": own.voices}
    return open_speaker(resolved, context.registry, asked=asked, **given)


def listed(box: VoiceBox | None, saved: Path | None) -> CommandResult:
    """The model's voices, the one that speaks by default first, then saved ones. Raises `UserError` without any."""
    from valle.following import opened

    voices = dict(box.voices) if box else {}
    for voice in ((store := opened(saved)) and store.readable()) or ():
        voices.setdefault(voice.name, voice.sounds)
    if not voices:
        raise UserError("the model that --model names has no voices, and none is saved; give a --prompt")
    lines = [f"{name:<10}{sounds}".rstrip() for name, sounds in voices.items()]
    return CommandResult(text="\n".join(lines), facts=[{"name": n, "sounds": s} for n, s in voices.items()])


def answered(answer: Written) -> CommandResult:
    """An answer that is no speech: nothing is written but this."""
    facts = {"output": answer.output, "answer": answer.text, "tokens": answer.tokens, "stopped": answer.stopped}
    if answer.output != "length":
        return CommandResult(text=answer.text, facts=facts)
    text = f"{answer.text} frames, {answer.seconds:.2f} s"
    return CommandResult(text=text, facts={**facts, "seconds": answer.seconds})


def row(number: int, path: Path, speech: Speech) -> dict[str, object]:
    """What a script reads about one line."""
    return {
        "out": str(path),
        "language": speech.language,
        "line": number,
        "seed": speech.seed,
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
