"""The app: routes over a service, and what every request passes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from fastapi import FastAPI

from valle_serve.counting import Figures
from valle_serve.dialect import MOST_LETTERS
from valle_serve.errors import tell_errors
from valle_serve.facts_route import facts_route
from valle_serve.guards import Guards
from valle_serve.interface import Service
from valle_serve.page_route import page_route
from valle_serve.speech_route import speech_route
from valle_serve.voices_route import voices_route


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What is allowed.

    Attributes:
        keys: of which one must be given; none: everybody may.
        hosts: names by which the server is reached; none: all.
        origins: pages elsewhere that may use it.
        letters: of a text.
        most_bytes: of a body.
        seconds: longest wait for the next piece of a speech, and for a client to take or send the next bytes.
        uploads: whether voices may be added and removed.
    """

    keys: Collection[str] = ()
    hosts: Collection[str] = ()
    origins: Collection[str] = ()
    letters: int = MOST_LETTERS
    most_bytes: int = 25 << 20
    seconds: float = 60.0
    uploads: bool = True


def make_app(service: Service, limits: Limits | None = None) -> FastAPI:
    """The app for a service."""
    limits = limits or Limits()
    figures = Figures(service.load)
    app = FastAPI(
        title="valle serve",
        summary="Speech from text, at the addresses of OpenAI's audio API",
        version="1",
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
    )
    tell_errors(app)
    app.include_router(speech_route(service, figures, most_letters=limits.letters, seconds=limits.seconds))
    app.include_router(voices_route(service, uploads=limits.uploads))
    app.include_router(facts_route(service, figures))
    app.include_router(page_route())
    app.add_middleware(
        Guards,
        keys=limits.keys,
        hosts=limits.hosts,
        origins=limits.origins,
        most_bytes=limits.most_bytes,
        seconds=limits.seconds,
    )
    return app
