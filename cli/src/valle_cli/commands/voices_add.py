"""`valle voices add NAME RECORDING`: a recording is encoded once and kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section, Slot
from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What is kept.

    Attributes:
        name: name of the voice: 1 to 64 of the characters a-z, 0-9, '-' and '_'
        recording: recording of the voice, or a voice that `valle voices export` wrote
        model: run, checkpoint or voice box whose codec encodes it; left out: the installed voice
        prompt_text: transcript of the recording, for models that continue it (--task tts-c)
        language: language tag of that text; left out: the model's first language
        sounds: a few words of how the voice sounds
        replace: replace a saved voice of this name
        voices: folder of saved voices; left out: the user's own
        device: torch device to run the codec on: auto, cpu or cuda
    """

    name: str
    recording: Path
    model: str = ""
    prompt_text: str = ""
    language: str = ""
    sounds: str = ""
    replace: bool = False
    voices: Path | None = None
    device: str = "auto"


SCHEMA = Schema(
    (Slot("align", "recognizer", None),),
    (Section("voice", Options, flat=True, help="Options", positional=("name", "recording")),),
)


def add(context: CommandContext) -> CommandResult:
    """Encode a recording for a model and keep it as a voice, which `valle synth --voice NAME` speaks with.

    With --prompt-text and --align its words are timed, so that a recording that is cut keeps the words of what is left.
    """
    from valle.keeping import encoded_voice
    from valle.speaker import load
    from valle.voices import VoiceStore, check_name
    from valle_data.preparation.components import open_aligner

    own: Options = context.options("voice")
    check_name(own.name)
    store = VoiceStore(own.voices)
    if own.name in store and not own.replace:
        raise UserError(f"there is a voice '{own.name}' already; choose another name, or --replace it")
    speaker = load(own.model or None, device=own.device, voices=own.voices)
    if speaker.box is not None and own.name in speaker.box.voices:
        raise UserError(f"the model has a voice '{own.name}' of its own; choose another name")
    aligner = open_aligner(context.resolved, context.registry, speaker.synthesizer.device)
    about = {"text": own.prompt_text, "language": own.language, "sounds": own.sounds, "aligner": aligner}
    voice, remarks = encoded_voice(speaker, own.name, own.recording, **about)
    store.add(voice, replace=own.replace)
    for remark in remarks:
        context.warn(remark)
    text = f"{voice.name}: {voice.seconds:.2f} s of '{own.recording}' in {store.folder}"
    return CommandResult(text=text, facts={**voice.facts(), "folder": str(store.folder)})
