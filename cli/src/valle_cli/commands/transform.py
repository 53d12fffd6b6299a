"""The part of `valle synth` that works on a recording (`--input`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from valle.asking import transformation
from valle.editing import Edit, edit_of, timed_words
from valle.options import Part
from valle.speaker import Speaker
from valle_cli.commands.synth import answered, opened, row, written
from valle_cli.speech import targets, write_all
from valle_core.audio.wav import opened as opened_wav
from valle_core.command import CommandContext, CommandResult
from valle_core.config.save import plain
from valle_core.plugin import UserError

if TYPE_CHECKING:
    from valle_cli.commands.synth import Options


def transform(context: CommandContext, own: Options) -> CommandResult:
    """Work on `--input` with the model's task, and write what comes of it."""
    source = own.input
    assert source is not None
    _refuse(own, source)
    (path,) = targets(own.out, 1, own.spectrogram)
    edits, followed = bool(own.replace), own.prompt or (Path(own.voice) if own.voice else None)
    text = own.text or own.replace  # words may also be taken out: then there is no new text
    asked = transformation(source, text=text, prompt=followed, span=(0.0, 0.0) if edits else None)
    speaker = opened(context, own, [asked])
    if speaker.synthesizer.components.task.output != "codes":
        return answered(speaker.write(input=source, language=own.language, seed=own.seed, max_seconds=own.max_duration))
    edit = _edit(context, own, source, speaker) if edits else Edit(own.text, (0.0, 0.0))
    speech = speaker.transform(
        source,
        text=edit.text,
        span=edit.span if edits else None,
        prompt=own.prompt,
        voice=own.voice,
        language=own.language,
        seed=own.seed,
        phonemes=own.phonemes,
        max_seconds=own.max_duration,
    )
    write_all([path], [speech], own.prompt, own.spectrogram)
    return written([row(1, path, speech)], speaker.timing)


def _refuse(own: Options, source: Path) -> None:
    """Raises `UserError` for options that say two things, before anything is loaded."""
    if own.text_file is not None:
        raise UserError("--text-file gives many texts, and --input is one recording; give the text itself")
    if own.prompt_text:
        raise UserError("--prompt-text is for tasks that continue their prompt, and none of them takes --input")
    if not source.is_file():
        raise UserError(f"--input {source}: there is no such file; name an existing recording")
    with opened_wav(source) as file:  # what is no sound is refused here, too
        seconds = file.frames / file.samplerate
    if (own.input_text or own.span) and not own.replace:
        raise UserError("--input-text and --span say where words are replaced; name them with --replace")
    if own.span and (len(own.span) != 2 or not 0 <= own.span[0] <= own.span[1]):
        raise UserError(f"span must be a start and an end in seconds, as [1.2, 1.9], got {list(own.span)}")
    if own.span and own.span[1] > seconds:
        raise UserError(f"--span must be in [0, {seconds:.2f}] s, the recording, got {list(own.span)}")
    if own.span and own.input_text.count(own.replace) != 1:
        raise UserError(
            f"with --span, --input-text must contain '{own.replace}' once, got '{own.input_text}'; "
            "give the whole transcript"
        )


def _edit(context: CommandContext, own: Options, source: Path, speaker: Speaker) -> Edit:
    """The text after the edit and the seconds that are said anew."""
    if own.span:
        text = " ".join(own.input_text.replace(own.replace, own.text).split())
        return Edit(text, (own.span[0], own.span[1]))
    named = context.resolved.parts["recognizer"]
    recognizer: Part = {"name": named[0].name, **plain(named[0].options)} if named else "pocketsphinx"
    words = timed_words(
        source,
        own.language or speaker.languages[0],
        transcript=own.input_text,
        recognizer=recognizer,
        registry=context.registry,
    )
    return edit_of(words, own.replace, own.text)
