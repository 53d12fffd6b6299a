"""The bytes of an answer as they come: audio, or events (SSE) with audio in base64 and the times of words."""

from __future__ import annotations

import json
import logging
from base64 import b64encode
from collections.abc import AsyncIterator

import anyio.to_thread

from valle_serve.encoding import Encoder
from valle_serve.errors import answer_to
from valle_serve.interface import Piece, SpokenWord


async def audio(pieces: AsyncIterator[Piece], encoder: Encoder) -> AsyncIterator[bytes]:
    """Coded bytes."""
    async for piece in pieces:
        if found := await anyio.to_thread.run_sync(encoder.push, piece.wav):
            yield found
    yield await anyio.to_thread.run_sync(encoder.finish)


async def events(
    pieces: AsyncIterator[Piece], encoder: Encoder, *, rate: int, letters: int, words: bool
) -> AsyncIterator[bytes]:
    """`speech.audio.delta` for audio, `speech.audio.words` before it where wanted, at last `speech.audio.done`.

    An error after the first event is an event `error`, for the status was sent.
    """
    at, tokens = 0.0, 0
    try:
        async for piece in pieces:
            if words and piece.words:
                yield event("speech.audio.words", words=[placed(word, at) for word in piece.words])
            at, tokens = at + len(piece.wav) / rate, tokens + piece.tokens
            if found := await anyio.to_thread.run_sync(encoder.push, piece.wav):
                yield delta(found)
        if found := await anyio.to_thread.run_sync(encoder.finish):
            yield delta(found)
    except Exception as error:
        answer = answer_to(error)
        if answer.status_code == 500:
            logging.getLogger("uvicorn.error").error("a speech broke off: %s: %s", type(error).__name__, error)
        yield event("error", **json.loads(bytes(answer.body)))
        return
    usage = {"input_tokens": letters, "output_tokens": tokens, "total_tokens": letters + tokens}
    yield event("speech.audio.done", usage=usage)


def delta(coded: bytes) -> bytes:
    """The event that carries audio."""
    return event("speech.audio.delta", audio=b64encode(coded).decode("ascii"))


def event(kind: str, **facts: object) -> bytes:
    """One event of the stream."""
    return b"data: " + json.dumps({"type": kind, **facts}, ensure_ascii=False).encode() + b"\n\n"


def placed(word: SpokenWord, at: float) -> dict[str, object]:
    """A word with its times in the whole speech."""
    return {"word": word.text, "start": round(word.start + at, 3), "end": round(word.end + at, 3)}
