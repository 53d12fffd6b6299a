"""`POST /v1/audio/speech`: a text becomes speech."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from valle_core.api import UserError
from valle_serve.counting import Figures
from valle_serve.dialect import MODELS, SpeechBody
from valle_serve.encoding import MEDIA, encoder
from valle_serve.errors import Refused
from valle_serve.interface import Asked, Busy, Service, UnknownVoice
from valle_serve.listening import Pieces
from valle_serve.streams import audio, events
from valle_serve.voice_names import known_voice

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The speech, as it is made",
        "content": {media: {} for media in (*MEDIA.values(), "text/event-stream")},
    },
    **{status: {"description": why} for status, why in ((400, "Cannot be spoken"), (404, "No such voice or model"))},
    **{status: {"description": why} for status, why in ((401, "No valid key"), (413, "Too large"), (503, "Busy"))},
}


def speech_route(service: Service, figures: Figures, *, most_letters: int, seconds: float) -> APIRouter:
    """The route.

    Args:
        service: what speaks.
        figures: are counted.
        most_letters: of a text.
        seconds: longest wait for the next piece of a speech.
    """
    router = APIRouter(tags=["audio"])

    @router.post("/v1/audio/speech", response_class=Response, responses=_ANSWERS, operation_id="speech")
    async def speech(body: SpeechBody, request: Request) -> Response:
        """Say a text. The answer streams: its first bytes come while the first sentence is made."""
        begun = time.monotonic()
        check(body, most_letters)
        asked = Asked(
            text=body.input,
            voice=known_voice(body.voice_name, service.voices()),
            speed=body.speed,
            language=body.language,
            seed=body.seed,
        )
        figures.letters.inc(len(body.input))
        pieces = Pieces(service, seconds)
        try:
            there = await pieces.begin(asked, request.is_disconnected)
        except (Busy, UnknownVoice, UserError) as error:
            figures.requests.labels("busy" if isinstance(error, Busy) else "refused").inc()
            raise
        if not there:
            figures.requests.labels("left").inc()
            return Response(status_code=499)
        figures.first_audio.observe(time.monotonic() - begun)
        return StreamingResponse(_counted(_bytes(body, pieces, service), figures), media_type=_media(body))

    return router


def check(body: SpeechBody, most_letters: int) -> None:
    """Refuse what cannot be spoken, whoever speaks."""
    if body.model not in MODELS:
        raise Refused(
            404, f"there is no model '{body.model:.80}'; choose one of {', '.join(MODELS)}", param="model",
            code="model_not_found",
        )  # fmt: skip
    if len(body.input) > most_letters:
        raise Refused(400, f"input must be at most {most_letters} characters, got {len(body.input)}", param="input")
    if not body.input.strip():
        raise Refused(400, "input must have words, got white space", param="input")
    if body.timestamp_granularities and body.stream_format != "sse":
        raise Refused(
            400, "the times of words come as events; ask for stream_format sse", param="timestamp_granularities"
        )


def _media(body: SpeechBody) -> str:
    return "text/event-stream" if body.stream_format == "sse" else MEDIA[body.response_format]


def _bytes(body: SpeechBody, pieces: Pieces, service: Service) -> AsyncIterator[bytes]:
    rate = service.sample_rate
    one = encoder(body.response_format, rate, pieces.samples)
    found = aiter(pieces)
    if body.stream_format == "audio":
        return audio(found, one)
    words = bool(body.timestamp_granularities)
    return events(found, one, rate=rate, letters=len(body.input), words=words)


async def _counted(stream: AsyncIterator[bytes], figures: Figures) -> AsyncIterator[bytes]:
    outcome = "left"
    try:
        async for found in stream:
            yield found
        outcome = "spoken"
    except Exception:
        outcome = "failed"
        raise
    finally:
        figures.requests.labels(outcome).inc()
        await stream.aclose()  # type: ignore[attr-defined]
