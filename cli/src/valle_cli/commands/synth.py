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
    from valle.boxes import VoiceBox
    from valle.speaker import Speaker
    from valle.speech import Speech
    from valle_core.synthesis.request import Timing


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
        language: language tag of the text, e.g. en-us, or auto to detect it; left out: the model's first language
        phonemes: read the text as phonemes (IPA)
        out: audio file to write: wav, flac or ogg; with --text-file numbered -1, -2, …
        spectrogram: PNG file to draw the spectrograms of prompt and speech into
        split: synthesize a long text sentence by sentence, or in one piece (none)
        pause: silence between two sentences in seconds
        max_letters: maximum length of a sentence in letters; longer ones are split at clauses
        seed: random seed; the same seed reproduces the same audio
        max_duration: maximum duration of a sentence in seconds; longer output is truncated with a warning
    """

    text: str = ""
    text_file: Path | None = None
    voice: str = ""
    voices: Path | None = None
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
    from valle.boxes import box_of
    from valle_cli.speech import read_lines, targets, write_all

    own: Options = context.options("speech")
    box = box_of(context.options("synthesis"))
    if own.list_voices:
        return listed(box, own.voices)
    check_voice(box, own)
    texts = read_lines(own.text, own.text_file)
    paths = targets(own.out, len(texts), own.spectrogram)
    speaker = opened(context, own)
    speeches = speaker.speak(
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
    )
    for note in dict.fromkeys(speech.detected for speech in speeches if speech.detected):
        context.note(note)
    write_all(paths, speeches, own.prompt, own.spectrogram)
    return written([row(*line) for line in zip(texts, paths, speeches, strict=True)], speaker.timing)


def check_voice(box: VoiceBox | None, own: Options) -> None:
    """Refuse a voice that is not there before a model is loaded. Raises `UserError`."""
    from valle.following import prompt_of

    prompt_of(box, own.voice, own.prompt, own.voices)


def opened(context: CommandContext, own: Options) -> Speaker:
    """The model that speaks."""
    from valle.speaker import open_speaker

    return open_speaker(
        context.resolved, context.registry, config=context.config, given=context.given, saved=own.voices
    )


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
