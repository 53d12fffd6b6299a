"""What clients send to `/v1/audio/speech`: the fields of OpenAI's API, and a few of our own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from valle_serve.formats import FormatName

MODELS = ("valle", "tts-1", "tts-1-hd", "gpt-4o-mini-tts")
"""Names that mean the one model there is, so that clients need no other setting than the address."""

OPENAI_VOICES = (
    *("alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer", "verse"),
    *("marin", "cedar"),
)
"""Names that clients send where nobody chose one; the k-th means the k-th voice there is."""

RANGES = {"speed": (0.25, 4), "seed": (0, (1 << 31) - 1)}
"""Of the fields that are numbers: least and greatest."""

MOST_LETTERS = 4096
"""Of a text, as OpenAI has it."""


class VoiceId(BaseModel):
    """A voice as newer clients name it."""

    model_config = ConfigDict(extra="ignore")
    id: Annotated[str, Field(min_length=1, max_length=64)]


class SpeechBody(BaseModel):
    """A text to say. Fields that are not named here are ignored."""

    model_config = ConfigDict(extra="ignore")

    input: Annotated[str, Field(min_length=1, description="The text, in the language's orthography.")]
    model: Annotated[str, Field(max_length=100, description=f"One of {', '.join(MODELS)}.")] = "valle"
    voice: Annotated[str | VoiceId, Field(description="Name of a voice; OpenAI's names stand for those there are.")] = (
        ""
    )
    response_format: Annotated[FormatName, Field(description="pcm is 24 kHz, 16 bits, little-endian, mono.")] = "mp3"
    speed: Annotated[float, Field(ge=RANGES["speed"][0], le=RANGES["speed"][1], allow_inf_nan=False)] = 1.0
    stream_format: Annotated[
        Literal["audio", "sse"], Field(description="audio: bytes as they come; sse: events speech.audio.delta, done.")
    ] = "audio"
    instructions: Annotated[str, Field(max_length=100_000, description="Accepted and not followed.")] = ""
    language: Annotated[str, Field(max_length=40, description="Tag, or auto; left out: the model's first.")] = ""
    seed: Annotated[
        int, Field(ge=RANGES["seed"][0], le=RANGES["seed"][1], description="Equal seeds give equal speech.")
    ] = 0
    timestamp_granularities: Annotated[
        list[Literal["word"]],
        Field(max_length=1, description="[word]: with stream_format sse, events speech.audio.words."),
    ] = []

    @field_validator("input")
    @classmethod
    def _of_characters(cls, text: str) -> str:
        """No half of a character, which cannot be written down again, and no control characters but white space."""
        text.encode("utf-8")  # UnicodeEncodeError is a ValueError
        if any(letter < " " and letter not in "\t\n\r\f\v" for letter in text):
            raise ValueError("it has control characters; leave them out")
        return text

    @property
    def voice_name(self) -> str:
        """The voice, however it was named."""
        return self.voice if isinstance(self.voice, str) else self.voice.id
