"""Clients that read speech as it comes, many at once, and what each of them saw."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx2

from valle_serve.bench.report import row_of
from valle_serve.bench.running import Server
from valle_serve.formats import RATE

TEXTS = (
    "The ferry leaves at half past six. Bring a warm coat, for the wind is cold on deck.",
    "She opened the letter twice before she believed it. Nobody in the room said a word.",
    "Two loaves of bread, a pound of butter and some apples. Is there anything else you need?",
    "The bridge will be closed on Monday. Please take the road along the river instead.",
    "Our cat sleeps on the piano. When somebody plays, she walks over the keys.",
    "It rained for three days, and the garden was green again. Then came the sun.",
)
_BYTES_PER_SECOND = 2 * RATE
_LATE = 0.02
"""Seconds that a listener does not notice."""

Move = Callable[[int, int, str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """One request as its client saw it.

    Attributes:
        first: seconds to the first bytes of speech.
        total: seconds to the last.
        audio: seconds of speech.
        stalled: all that had come was played before more came.
        lost: why there was no whole speech, or "".
    """

    first: float = 0.0
    total: float = 0.0
    audio: float = 0.0
    stalled: bool = False
    lost: str = ""


async def take(client: httpx2.AsyncClient, text: str, voice: str) -> Taken:
    """Ask for a text, and read it as a player would."""
    body = {"input": text, "response_format": "pcm", "voice": voice, "model": "tts-1"}
    begun, first, got, stalled = time.perf_counter(), 0.0, 0, False
    try:
        async with client.stream("POST", "/v1/audio/speech", json=body) as answer:
            if answer.status_code != 200:
                return Taken(lost=f"status {answer.status_code}")
            async for part in answer.aiter_bytes():
                now = time.perf_counter()
                first = first or now
                stalled = stalled or now - first > got / _BYTES_PER_SECOND + (_LATE if got else 0.0)
                got += len(part)
    except httpx2.HTTPError as error:
        return Taken(lost=type(error).__name__)
    if not got:
        return Taken(lost="no speech")
    return Taken(first=first - begun, total=time.perf_counter() - begun, audio=got / _BYTES_PER_SECOND, stalled=stalled)


async def _with(server: Server, clients: int, voice: str, turns: Iterator[int], done: Callable[[Taken], None]) -> float:
    """So many clients ask again and again while there are turns; the seconds that took."""

    async def ask(client: httpx2.AsyncClient) -> None:
        for turn in turns:
            done(await take(client, TEXTS[turn % len(TEXTS)], voice))

    limits = httpx2.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx2.AsyncClient(
        base_url=server.url, headers=server.headers(), timeout=900, limits=limits, trust_env=False
    ) as client:
        begun = time.perf_counter()
        await asyncio.gather(*(ask(client) for _ in range(clients)))
        return time.perf_counter() - begun


def measure(server: Server, clients: Sequence[int], requests: int, voice: str, move: Move) -> list[dict[str, Any]]:
    """A row for each number of clients, after one request that is not counted."""
    asyncio.run(_with(server, 1, voice, iter(range(1)), lambda taken: None))
    numbers = [requests or max(4, 2 * one) for one in clients]
    rows: list[dict[str, Any]] = []
    for one, number in zip(clients, numbers, strict=True):
        taken: list[Taken] = []

        def done(found: Taken, taken: list[Taken] = taken, one: int = one) -> None:
            taken.append(found)
            move(sum(row["requests"] for row in rows) + len(taken), sum(numbers), f"{one} clients")

        seconds = asyncio.run(_with(server, one, voice, iter(range(number)), done))
        rows.append({"clients": one, **row_of(taken, seconds)})
    return rows


def soak(
    server: Server, clients: int, minutes: float, voice: str, move: Move
) -> tuple[list[Taken], list[tuple[float, float]]]:
    """What was taken in so many minutes, and the server's memory: (seconds, megabytes), about once a second."""
    taken: list[Taken] = []
    memory: list[tuple[float, float]] = []
    begun = time.perf_counter()

    def turns() -> Iterator[int]:
        for turn in count():
            if time.perf_counter() - begun > 60 * minutes:
                return
            yield turn

    def done(found: Taken) -> None:
        taken.append(found)
        now = time.perf_counter() - begun
        if not memory or now - memory[-1][0] >= 1:
            memory.append((now, server.megabytes()))
        move(min(int(now / 60), int(minutes)), max(1, int(minutes)), f"{len(taken)} requests")

    asyncio.run(_with(server, clients, voice, turns(), done))
    return taken, memory
