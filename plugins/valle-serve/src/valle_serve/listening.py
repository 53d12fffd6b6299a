"""From the thread that speaks to the coroutine that answers: pieces in order, and the client that leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import anyio.to_thread

from valle_serve.interface import Asked, Busy, Listener, Piece, Service

_LOOK = 0.25
"""Seconds between two looks at whether the client is still there, before it is sent anything."""


class Pieces:
    """The pieces of one request, for `async for`. What leaves before the end calls `leave`.

    Args:
        service: what speaks.
        seconds: longest wait for the next piece.
    """

    def __init__(self, service: Service, seconds: float) -> None:
        self._service, self._seconds = service, seconds
        self._news = asyncio.Event()
        loop = asyncio.get_running_loop()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody reads any more
                loop.call_soon_threadsafe(self._news.set)

        self.listener = Listener(wake, service.sample_rate)
        self._first: Piece | None = None

    async def begin(self, asked: Asked, left: Callable[[], Awaitable[bool]]) -> bool:
        """Start, and wait for the first piece, so that what is wrong is told by the status; whether there is a client.

        Raises:
            Busy: there is too much to do, or nothing came in time.
            UnknownVoice: there is no such voice.
            UserError: a text that cannot be spoken.
        """
        try:
            await anyio.to_thread.run_sync(self._service.start, asked, self.listener)
            for _ in range(max(1, round(self._seconds / _LOOK))):
                self._first = await self._next(_LOOK, left)
                if self._first is not None or self.listener.gone:
                    return not self.listener.gone
            raise Busy(f"no speech was ready after {self._seconds:g} s; try again later")
        except StopAsyncIteration:
            return True  # there is nothing to say aloud: an answer without speech
        except BaseException:
            self.listener.leave()
            raise

    @property
    def samples(self) -> int | None:
        """Of the whole speech, where it is one piece that is there already."""
        return len(self._first.wav) if self._first is not None and self._first.last else None

    async def __aiter__(self) -> AsyncIterator[Piece]:
        try:
            if self._first is not None:
                first, self._first = self._first, None
                yield first
            while True:
                try:
                    piece = await self._next(self._seconds)
                except StopAsyncIteration:
                    return
                if piece is None:
                    raise TimeoutError(f"no speech came for {self._seconds:g} s")
                yield piece
        finally:
            self.listener.leave()

    async def _next(self, seconds: float, left: Callable[[], Awaitable[bool]] | None = None) -> Piece | None:
        """The next piece; None where none came in that time; `StopAsyncIteration` at the end."""
        self._news.clear()
        try:
            piece = self.listener.take()
        except StopIteration:
            raise StopAsyncIteration from None
        if piece is not None:
            return piece
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
        except TimeoutError:
            if left is not None and await left():
                self.listener.leave()
            return None
        return await self._next(seconds, left)
