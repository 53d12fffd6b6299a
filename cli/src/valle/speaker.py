"""A model that speaks, in two calls: `load`, and `Speaker.speak`."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, overload

import torch
from torch import Tensor

from valle.asking import Followed, Prompt, expect_bound, given_recording, seeds_of
from valle.boxes import VoiceBox, box_of
from valle.following import opened, prompt_of
from valle.keeping import encoded_voice
from valle.options import Option, PathLike, expect, named, resolved_from
from valle.other_tasks import OtherTasks
from valle.samplers import Samplers, chain_of
from valle.speech import Speech, SpeechWarning
from valle.streaming import Streams
from valle.voices import SavedVoice, VoiceStore
from valle_core.config.schema import Resolved
from valle_core.interfaces import Codec
from valle_core.plugin import UserError
from valle_core.registry.hooks import SPEAKING, open_observers
from valle_core.registry.registry import Registry
from valle_core.sequence.alignment import Branching
from valle_core.synthesis.open import open_synthesizer
from valle_core.synthesis.options import SYNTHESIS_SCHEMA, SynthesisOptions
from valle_core.synthesis.prompt import encode_prompt
from valle_core.synthesis.request import Encoded, Request, Timing
from valle_core.synthesis.sampling.chain import SamplerChain
from valle_core.synthesis.synthesizer import Synthesizer
from valle_data.audio.reading import load as load_audio
from valle_kit.engine import Together
from valle_kit.opened import ready
from valle_kit.pauses import cut_at_pause
from valle_kit.safeguards import Safeguards
from valle_language.long_text import Splitting, speak_long, with_language
from valle_language.phonemic import symbols_of


@dataclass(frozen=True, slots=True, repr=False)
class Speaker(OtherTasks, Streams):
    """A model that says texts. `valle.load` makes one; weights are loaded once.

    Attributes:
        synthesizer: of the model.
        registry: where samplers are found by name.
        box: the named voices, where the model has any.
        saved: folder of the voices that the user keeps; None for the usual one.
    """

    synthesizer: Synthesizer
    registry: Registry
    box: VoiceBox | None = None
    saved: Path | None = None

    @property
    def voices(self) -> dict[str, str]:
        """Name of a voice → how it sounds: those of the model's box, then saved ones that were encoded for it."""
        own = {} if self.box is None else dict(self.box.voices)
        store = opened(self.saved)
        kept = [voice for voice in store.readable() if voice.codec == self.codec.identity] if store else []
        return own | {voice.name: voice.sounds for voice in kept if voice.name not in own}

    @property
    def codec(self) -> Codec:
        """Of the model."""
        return self.synthesizer.components.codec

    @property
    def languages(self) -> tuple[str, ...]:
        """Tags of the languages it speaks; the first is taken where none is named."""
        return self.synthesizer.components.languages

    @property
    def sample_rate(self) -> int:
        """Hz of its speech."""
        return self.synthesizer.sample_rate

    @property
    def timing(self) -> Timing:
        """Where the seconds of the last `speak` went. Raises `UserError` before the first."""
        if self.synthesizer.timing is None:
            raise UserError("nothing was timed yet; let it speak first")
        return self.synthesizer.timing

    @overload
    def speak(
        self,
        text: str,
        *,
        prompt: Prompt | None = None,
        voice: str = "",
        prompt_text: str = "",
        language: str | None = None,
        sampler: Samplers | None = None,
        speed: float | None = None,
        seed: int | list[int] | tuple[int, ...] = 0,
        phonemes: bool = False,
        split: Literal["sentences", "none"] = "sentences",
        pause: float = 0.25,
        max_letters: int = 200,
        max_seconds: float = 20.0,
        seconds: float = 0.0,
    ) -> Speech: ...

    @overload
    def speak(
        self,
        text: list[str] | tuple[str, ...],
        *,
        prompt: Prompt | None = None,
        voice: str = "",
        prompt_text: str = "",
        language: str | None = None,
        sampler: Samplers | None = None,
        speed: float | None = None,
        seed: int | list[int] | tuple[int, ...] = 0,
        phonemes: bool = False,
        split: Literal["sentences", "none"] = "sentences",
        pause: float = 0.25,
        max_letters: int = 200,
        max_seconds: float = 20.0,
        seconds: float = 0.0,
    ) -> list[Speech]: ...

    def speak(
        self,
        text: str | list[str] | tuple[str, ...],
        *,
        prompt: Prompt | None = None,
        voice: str = "",
        prompt_text: str = "",
        language: str | None = None,
        sampler: Samplers | None = None,
        speed: float | None = None,
        seed: int | list[int] | tuple[int, ...] = 0,
        phonemes: bool = False,
        split: Literal["sentences", "none"] = "sentences",
        pause: float = 0.25,
        max_letters: int = 200,
        max_seconds: float = 20.0,
        seconds: float = 0.0,
    ) -> Speech | list[Speech]:
        """Say a text, or several as one batch; each gives the same codes alone and in any batch.

        What a listener should know (a cut prompt, unknown phonemes, a speech that ran into its bound) is a
        `SpeechWarning`, and stands in `Speech.warnings`.

        Args:
            text: in the language's orthography; phonemes may stand between `[[` and `]]`. Of several sentences each is
                spoken alone, and they are joined.
            prompt: recording of the voice, 0.2 s or longer, or its codes; None for the first saved voice, or for one
                that the model chooses.
            voice: name of a voice (`voices`), in place of a prompt.
            prompt_text: what the prompt says, for models that continue it (task `tts-c`); a saved voice has its own.
            language: tag, `"auto"` to detect it, or None for the model's first.
            sampler: of level 0, for this call: built, by name, or a list of these; None for those of `load`.
            speed: speaking rate in [0.25, 4], for models with an alignment; 2 is twice as fast. None for `load`'s.
            seed: random seed; the k-th text (from 0) is said with seed + k. Or one seed for each text.
            phonemes: the text is phonemes, as the model's symbols are written.
            split: `"sentences"`, or `"none"` to give the model the text whole.
            pause: seconds of silence between two sentences, in [0, 10].
            max_letters: longest sentence in letters, at least 20; longer ones are split at their clauses.
            max_seconds: bound of a sentence, in (0, 3600]; a longer answer is cut there.
            seconds: duration of a sentence, for the sampler `Masked`; 0 for what a model with an alignment predicts.

        Returns:
            The speech of a text; of several a list, in their order.

        Raises:
            UserError: a text, voice, prompt, language, sampler or number that cannot be used; nothing is spoken then.
        """
        if not isinstance(text, str | list | tuple) or not all(isinstance(one, str) for one in text):
            raise UserError(f"text must be a text or a list of texts, got {text!r:.80}")
        expect(str, "a text", voice=voice, prompt_text=prompt_text, language=language)
        expect(int | float, "a number", speed=speed, pause=pause, max_letters=max_letters, seconds=seconds)
        expect_bound(max_seconds)
        texts = [text] if isinstance(text, str) else list(text)
        voice_prompt, words = self.followed(voice, given_recording(prompt), prompt_text)
        splitting = Splitting(by=split, pause=pause, most=max_letters)
        requests = [
            Request(
                text=one,
                prompt=voice_prompt,
                prompt_text=words,
                language=language,
                seed=number,
                max_seconds=max_seconds,
                seconds=seconds,
                phonemes=phonemes,
            )
            for one, number in zip(texts, seeds_of(seed, len(texts)), strict=True)
        ]
        tagged = [with_language(request, self.languages) for request in requests]
        asked = [request for request, _ in tagged]
        synthesizer = self.at(sampler, speed)
        said = Together(synthesizer)
        answers = speak_long(said, asked, splitting, self.languages)
        self.synthesizer.timing = said.timing
        speeches = [
            Speech.of(answer, request, request.language or self.languages[0], found)
            for answer, (request, found) in zip(answers, tagged, strict=True)
        ]
        for line in (line for speech in speeches for line in speech.warnings):
            warnings.warn(line, SpeechWarning, stacklevel=2)
        return speeches[0] if isinstance(text, str) else speeches

    def encode(self, recording: PathLike) -> Encoded:
        """A recording as the model reads it: codes of a length that it was trained on, and a remark or "".

        Raises:
            UserError: it cannot be read, or is too short, too long or silent.
        """
        components = self.synthesizer.components
        with torch.inference_mode():
            return encode_prompt(
                named(recording, "the recording"), self.codec, components.prompts, device=self.synthesizer.device
            )

    def keep(
        self,
        name: str,
        recording: PathLike,
        *,
        text: str = "",
        language: str = "",
        sounds: str = "",
        replace: bool = False,
    ) -> SavedVoice:
        """Encode a recording once and keep it as a voice, for `speak(voice=name)` and `valle synth --voice`.

        What should be known of it (that it was cut) is a `SpeechWarning`.

        Args:
            name: 1 to 64 of the characters a-z, 0-9, "-" and "_".
            recording: 0.2 s or longer; or a voice that `valle voices export` wrote.
            text: what it says, for models that continue a prompt.
            language: tag of that text; left out: the model's first.
            sounds: a few words of how it sounds.
            replace: a voice of this name is replaced.

        Raises:
            UserError: a name that is taken or cannot be one, or a recording that cannot be used.
        """
        if self.box is not None and name in self.box.voices:
            raise UserError(f"the model has a voice '{name}' of its own; choose another name")
        expect(str, "a text", text=text, language=language, sounds=sounds)
        path = named(recording, "the recording")
        voice, remarks = encoded_voice(self, name, path, text=text, language=language, sounds=sounds)
        VoiceStore(self.saved).add(voice, replace=replace)
        for line in remarks:
            warnings.warn(line, SpeechWarning, stacklevel=2)
        return voice

    def followed(self, voice: str, prompt: Path | Tensor | None = None, text: str = "") -> tuple[Followed, str]:
        """The prompt, encoded once however many texts follow it, and what it says where the model continues it."""
        found = prompt_of(self.box, voice, prompt, self.saved)
        if isinstance(found, SavedVoice):
            found.require(self.codec.identity)
            return found.codes, text or (found.text if self.synthesizer.components.task.continues else "")
        return self.encode(found) if isinstance(found, Path) else found, text

    def at(self, sampler: Samplers | None = None, speed: float | None = None) -> Synthesizer:
        """The synthesizer with other samplers and another rate. Raises `UserError` where the model takes none."""
        components = self.synthesizer.components
        changed: dict[str, Any] = {**_chains(self.synthesizer, self.registry, sampler)}
        if speed is not None:
            changed["speed"] = SynthesisOptions(speed=speed).speed
            if speed != 1 and components.ar.alignment is None:
                raise UserError("this model was trained without an alignment, so it takes no speed; leave speed out")
        return Synthesizer(replace(components, **changed)) if changed else self.synthesizer

    def __repr__(self) -> str:
        voices = f", voices {', '.join(self.voices)}" if self.voices else ""
        return f"Speaker({', '.join(self.languages)} at {self.sample_rate} Hz{voices})"


def load(
    model: PathLike | None = None,
    *,
    nar_model: PathLike | None = None,
    sampler: Samplers | None = None,
    nar_sampler: Samplers | None = None,
    device: str | None = None,
    dtype: Literal["float32", "bfloat16", "float16"] | None = None,
    speed: float | None = None,
    voices: PathLike | None = None,
    config: PathLike | None = None,
    **options: Option,
) -> Speaker:
    """Load a model, ready to speak.

    Args:
        model: folder of a run, a checkpoint or a voice box; None for the installed voice.
        nar_model: run of levels ≥ 1, where they were trained apart.
        sampler: of level 0: built (`TopK(k=20)`), by name (`"greedy"`, `{"name": "top_k", "k": 20}`), or a list of
            these; None for the model's own, else `top_p` with p = 0.9 and a draw.
        nar_sampler: of the levels ≥ 1; None for `greedy`.
        device: torch device; `"auto"` (the default) takes CUDA where it is.
        dtype: data type of weights and activations, by default `"float32"`.
        speed: speaking rate in [0.25, 4], by default 1; for models with an alignment.
        voices: folder of the voices that the user keeps; None for the usual one.
        config: YAML file with any of these; what is given here counts before it.
        **options: any other key of `valle synth --config`: `task`, `attention`, `codec`, `frontend`,
            `max_prompt_seconds`, `max_context`, `vectors`, `durations`, … A plugin is a name or
            `{"name": …, option: …}`.

    Raises:
        UserError: no such model, no voice is installed, or an option that is not known or does not fit.
    """
    registry = Registry.open()
    models = {"model": model, "nar_model": nar_model}
    given: dict[str, Option] = {key: named(path, key) for key, path in models.items() if path is not None}
    given |= {
        key: value for key, value in {"device": device, "dtype": dtype, "speed": speed}.items() if value is not None
    }
    resolved = resolved_from(SYNTHESIS_SCHEMA, registry, {**given, **options}, config)
    where = None if config is None else Path(config)
    speaker = open_speaker(
        resolved,
        registry,
        config=where,
        given=options if sampler is None else {**options, "sampler": sampler},
        saved=None if voices is None else named(voices, "voices"),
    )
    changed: dict[str, Any] = {**_chains(speaker.synthesizer, registry, sampler, nar_sampler)}
    if not changed:
        return speaker
    return replace(speaker, synthesizer=Synthesizer(replace(speaker.synthesizer.components, **changed)))


def open_speaker(
    resolved: Resolved,
    registry: Registry,
    *,
    config: Path | None = None,
    given: Collection[str] = (),
    asked: Sequence[Request] = (),
    saved: Path | None = None,
) -> Speaker:
    """The speaker that a configuration describes: what `load` and `valle synth` stand on.

    Args:
        resolved: has the slots and the section of `valle_core.api.SYNTHESIS_SCHEMA`.
        registry: where plugins are found.
        config: YAML file it was made with.
        given: top-level keys that were set beside the file. A voice box's samplers are taken, unless `sampler` is among
            them or `config` names others; its durations the same.
        asked: what it will be asked for, to be refused before weights are read.
        saved: folder of the voices that the user keeps; None for the usual one.

    Raises:
        UserError: as `load`.
    """
    box = box_of(resolved.sections["synthesis"])
    if box is not None:
        resolved = box.configured(
            resolved,
            registry,
            own_samplers="sampler" not in given,
            own_durations="durations" not in given,
            config=config,
        )
    observers = open_observers(registry, of=SPEAKING)
    synthesizer = open_synthesizer(
        resolved,
        registry,
        observers,
        read_text=symbols_of,
        load_prompt=load_audio,
        cut_prompt=cut_at_pause,
        asked=asked,
        safeguards=Safeguards.of,
    )
    return Speaker(ready(synthesizer, resolved, registry), registry, box, saved)


def _chains(
    synthesizer: Synthesizer, registry: Registry, sampler: Samplers | None, nar_sampler: Samplers | None = None
) -> dict[str, SamplerChain]:
    """The components of a synthesizer that other samplers make."""
    model = synthesizer.components.ar
    by_frame = "and levels ≥ 1 are chosen frame by frame; leave it out of nar_sampler"
    place = {"device": model.heads.bias.device, "dtype": model.heads.bias.dtype}
    found = {
        name: chain_of(given, registry, **place, no_search=why)
        for name, given, why in (("chain", sampler, ""), ("nar_chain", nar_sampler, by_frame))
        if given is not None
    }
    branching = model.alignment is None or isinstance(model.alignment, Branching)
    if not branching and "chain" in found and (searching := found["chain"].search) is not None:
        why = "and the alignment of this model follows one only; choose another"
        raise UserError(f"sampler {type(searching).__name__} looks for whole answers, {why}")
    return found
