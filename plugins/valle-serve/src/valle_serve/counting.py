"""Figures of a running server, as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from valle_serve.interface import Load

TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)


class Figures:
    """Counters of one server.

    Args:
        load: what it has to do now.
    """

    def __init__(self, load: Callable[[], Load]) -> None:
        self._registry = CollectorRegistry()
        own = self._registry
        self.requests = Counter("valle_requests", "Requests for speech by outcome", ["outcome"], registry=own)
        self.first_audio = Histogram(
            "valle_first_audio_seconds", "From a request to its first bytes of speech", buckets=_SECONDS, registry=own
        )
        self.audio = Counter("valle_audio_seconds", "Speech that was made", registry=own)
        self.letters = Counter("valle_letters", "Characters of the texts", registry=own)
        speaking = Gauge("valle_speaking", "Requests that are being spoken", registry=own)
        waiting = Gauge("valle_waiting", "Requests that wait for their turn", registry=own)
        speaking.set_function(lambda: load().speaking)
        waiting.set_function(lambda: load().waiting)

    def text(self) -> bytes:
        """All of them."""
        return generate_latest(self._registry)
