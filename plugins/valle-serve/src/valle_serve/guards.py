"""What every request passes before it is looked at: size, time, host, origin and key."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Collection
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from valle_serve.errors import refusal

OPEN = ("/", "/healthz", "/page.js", "/page.css", "/audio.js", "/favicon.ico")
"""Answered without a key."""


class TooLarge(Exception):
    """The body is larger than it may be."""


class TooSlow(Exception):
    """The client did not send or take bytes in time."""


class Guards:
    """The outermost layer of the app.

    Args:
        app: what is guarded.
        keys: of which one must be given as `Authorization: Bearer KEY`; none: everybody may.
        hosts: names that requests may be made to; none: all. It keeps a page elsewhere from reaching a server on this
            machine by a name of its own.
        origins: pages elsewhere that may use the server from a browser.
        most_bytes: of a body.
        seconds: longest wait for a client to send or to take the next bytes.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        keys: Collection[str] = (),
        hosts: Collection[str] = (),
        origins: Collection[str] = (),
        most_bytes: int = 25 << 20,
        seconds: float = 60.0,
    ) -> None:
        self._app, self._most, self._seconds = app, most_bytes, seconds
        self._keys = [key.encode() for key in keys]
        self._hosts, self._origins = frozenset(hosts), frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if (refused := self._refused(scope, headers)) is not None:
            await refused(scope, receive, send)
            return
        body = _Body(receive, self._most, self._seconds)

        async def sent(message: Message) -> None:
            if not body.over:
                await in_time(send(message), self._seconds)

        with suppress(TooLarge, TooSlow):  # the connection of a slow client is closed for its answer is not complete
            await self._app(scope, body, sent)
        if body.over:  # whatever the app made of it
            await self._too_large()(scope, receive, send)

    def _refused(self, scope: Scope, headers: dict[str, str]):
        host = _name(headers.get("host", ""))
        if self._hosts and host not in self._hosts:
            return refusal(403, f"this server is not reached as '{host[:80]}'; start it with --allow-host")
        origin = headers.get("origin", "")
        if origin and origin not in self._origins and urlsplit(origin).netloc != headers.get("host", ""):
            return refusal(403, "a page of another origin may not use this server; start it with --allow-origin")
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._most:
            return self._too_large()
        if self._keys and scope["path"] not in OPEN and not self._known(headers.get("authorization", "")):
            message = "no valid key; send the header Authorization: Bearer KEY"
            return refusal(401, message, code="invalid_api_key", headers={"WWW-Authenticate": "Bearer"})
        return None

    def _known(self, given: str) -> bool:
        kind, _, key = given.partition(" ")
        found = [hmac.compare_digest(key.strip().encode("latin-1", "replace"), one) for one in self._keys]
        return kind.lower() == "bearer" and any(found)

    def _too_large(self):
        return refusal(413, f"a body may have at most {self._most} bytes", code="too_large")


class _Body:
    """What a client sends, as far as it may; then only that it left, for which one may wait as long as it stays."""

    def __init__(self, receive: Receive, most: int, seconds: float) -> None:
        self._receive, self._most, self._seconds = receive, most, seconds
        self._got, self._ended = 0, False
        self.over = False

    async def __call__(self) -> Message:
        if self._ended:
            return await self._receive()
        message = await in_time(self._receive(), self._seconds)
        self._got += len(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        if self._got > self._most:
            self.over = self._ended = True
            raise TooLarge
        return message


async def in_time(waiting: Awaitable[Any], seconds: float) -> Any:
    """What is waited for. Raises `TooSlow` where it does not come."""
    try:
        return await asyncio.wait_for(waiting, seconds)
    except TimeoutError:
        raise TooSlow from None


def _name(host: str) -> str:
    """The host without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].lower()
