"""A model that speaks, in two calls: `load`, and `Speaker.speak`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from valle.boxes import VoiceBox, installed_box, is_box, read_box
from valle_core.config.resolve import resolve
from valle_core.plugin import UserError
from valle_core.registry.hooks import SPEAKING, open_observers
from valle_core.registry.registry import Registry
from valle_core.synthesis.open import open_synthesizer
from valle_core.synthesis.options import SYNTHESIS_SCHEMA
from valle_core.synthesis.request import Request, Speech
from valle_core.synthesis.synthesizer import Synthesizer
from valle_data.audio.reading import load as load_audio
from valle_language.long_text import Splitting, speak_long, with_languages
from valle_language.phonemic import symbols_of

if TYPE_CHECKING:
    from jaxtyping import Int
    from torch import Tensor

Sampler = tuple[str, dict[str, Any]]
"""Name of a sampler and its options, e.g. `("top_p", {"p": 0.9})`."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """Says texts.

    Attributes:
        synthesizer: of the model.
        box: the named voices, where the model has any.
    """

    synthesizer: Synthesizer
    box: VoiceBox | None = None

    @property
    def voices(self) -> dict[str, str]:
        """Name of a saved voice → how it sounds."""
        return {} if self.box is None else dict(self.box.voices)

    def speak(
        self,
        text: str,
        *,
        voice: str = "",
        prompt: str | Path | Int[Tensor, "F Q"] | None = None,
        language: str | None = None,
        seed: int = 0,
        pause: float = 0.25,
        max_seconds: float = 20.0,
    ) -> Speech:
        """Says a text, a sentence at a time: `wav` at `sample_rate`, and `words` with their times.

        Args:
            text: in the language's orthography; phonemes may stand between `[[` and `]]`.
            voice: name of a saved voice; by default the first.
            prompt: in its place a recording of the voice, or its codes.
            language: tag, `auto`, or None for the model's first.
            seed: random seed; the same seed gives the same speech.
            pause: seconds between two sentences.
            max_seconds: bound of a sentence.

        Raises:
            UserError: a text, voice, prompt or language that cannot be used.
        """
        given = Path(prompt) if isinstance(prompt, str) else prompt
        request = Request(
            text=text,
            prompt=prompt_of(self.box, voice, given),
            language=language,
            seed=seed,
            max_seconds=max_seconds,
        )
        languages = self.synthesizer.components.languages
        asked, _ = with_languages([request], languages)
        (speech,) = speak_long(self.synthesizer, asked, Splitting(pause=pause), languages)
        return speech


def load(
    model: str | Path | None = None,
    *,
    nar_model: str | Path = "",
    samplers: Sequence[Sampler] = (),
    device: str = "auto",
    speed: float = 1.0,
) -> Speaker:
    """A model, ready to speak.

    Args:
        model: folder of a run, a checkpoint or a voice box; None for the installed voice.
        nar_model: run of levels ≥ 1, where they were trained apart.
        samplers: of level 0; the model's own choice where there are none.
        device: torch device; auto takes CUDA where it is.
        speed: speaking rate, for models with an alignment.

    Raises:
        UserError: no such model, or no voice is installed.
    """
    registry = Registry.open()
    flags: list[tuple[str, Any]] = [("model", str(model or "")), ("nar_model", str(nar_model))]
    flags += [("device", device), ("speed", str(speed))]
    for name, options in samplers:
        flags += [("sampler", name), *((f"sampler.{key}", str(value)) for key, value in options.items())]
    resolved = resolve(SYNTHESIS_SCHEMA, registry, flags=flags)
    box = box_of(resolved.sections["synthesis"])
    if box is not None:
        resolved = box.configured(resolved, registry, own_samplers=not samplers)
    synthesizer = open_synthesizer(
        resolved,
        registry,
        open_observers(registry, of=SPEAKING),
        read_text=symbols_of,
        load_prompt=load_audio,
    )
    return Speaker(synthesizer, box)


def box_of(options: Any) -> VoiceBox | None:
    """The box that is meant by `--model` and `--nar-model`; None where they name runs.

    Raises:
        UserError: no model is named and none is installed, or a half is named beside a box or without the other.
    """
    if options.model and not is_box(Path(options.model)):
        return None
    if options.nar_model and options.model:
        raise UserError(f"{options.model} is a voice box, which has all levels; leave --nar-model out")
    if options.nar_model:
        raise UserError(f"the other levels are given ({options.nar_model}) without a level 0; add --model RUN")
    return read_box(Path(options.model)) if options.model else installed_box()


def prompt_of(
    box: VoiceBox | None, voice: str, prompt: Path | Int[Tensor, "F Q"] | None
) -> Path | Int[Tensor, "F Q"] | None:
    """What the model follows: the prompt, or a voice of the box. Raises `UserError` for both, or a voice of no box."""
    if voice and prompt is not None:
        raise UserError(f"both a prompt and the voice '{voice}' are given; give one")
    if voice and box is None:
        raise UserError(f"the voice '{voice}' belongs to a voice box, and a run has none; give a prompt")
    return prompt if box is None or prompt is not None else box.prompt(voice)
