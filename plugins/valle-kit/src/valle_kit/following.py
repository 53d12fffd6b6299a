"""The answer of a row of an engine in chunks: its tokens are noted as they come, and decoded in another thread."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from valle_core.synthesis.request import Speech
from valle_kit.engine import Ended, Tokens
from valle_kit.streaming import Chunk, Seen, WindowedLevels, Windowing, seen


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A chunk, and what is known of the answer now.

    Attributes:
        chunk: sound; it may be empty.
        frames: of the answer that are decoded.
        end: seconds of those.
        speech: without its codes and with silence for its sound, of the length that has left; a word that ends later
            than `end` may not have ended.
    """

    chunk: Chunk
    frames: int
    end: float
    speech: Speech


class Following:
    """One answer. `see` is called by the thread that steps the engine, `part` by any one other.

    Its windows are those of `valle_kit.streaming.stream`, wherever the rows around it are.
    """

    def __init__(self, first: Tokens | Ended, windowing: Windowing | None = None) -> None:
        """`first`: an event of the row."""
        row = first.row
        self._synthesizer, self._request, self._prepared = row.synthesizer, row.request, row.prepared
        self._levels = WindowedLevels(self._synthesizer, self._prepared, self._request, windowing or Windowing())
        self._seen: Seen | None = None
        self._error: Exception | None = None
        self._stopped, self._remark = True, ""
        self._given, self._ended = 0, False

    @property
    def ready(self) -> bool:
        """Whether `part` has something to decode, or an error to raise."""
        known = self._seen
        return self._error is not None or (
            known is not None and not self._ended and (known.last or self._levels.wanted < len(known.tokens))
        )

    def see(self, event: Tokens | Ended) -> None:
        """The row went on, or has ended; then its thread is let go."""
        row = event.row
        if isinstance(event, Ended):
            if event.error is not None:
                self._error = event.error
                return
            found, times, remarks = row.level0
            row.leave()
            self._stopped, self._remark = found.stopped[0], remarks[0]
            self._seen = Seen(found.tokens[0], times[0], last=True)
            return
        speed, wanted = self._synthesizer.components.speed, self._levels.wanted
        if self._seen is None or len(self._seen.tokens) <= wanted:
            self._seen = seen(event.tokens, row.walk, speed=speed, wanted=wanted) or self._seen

    def part(self) -> Part:
        """The next. Raises what went wrong with the row."""
        if self._error is not None:
            raise self._error
        assert self._seen is not None
        known = self._seen
        chunk = self._levels.window(known)
        self._given, self._ended = self._given + len(chunk.wav), chunk.last
        rate = self._synthesizer.components.codec.frame_rate
        done = self._levels.done
        return Part(chunk=chunk, frames=done, end=done / rate, speech=self._speech(known, rate))

    def _speech(self, known: Seen, rate: float) -> Speech:
        prepared = self._prepared
        notes = (prepared.remark, self._remark and f"'{self._request.text}' {self._remark}")
        return Speech(
            wav=torch.zeros(1).expand(self._given),
            sample_rate=self._synthesizer.sample_rate,
            codes=prepared.inputs.response,
            symbols=prepared.symbols,
            stopped=self._stopped,
            unknown=prepared.unknown,
            remarks=tuple(filter(None, notes)),
            times=() if known.times is None else tuple((known.times / rate).tolist()),
        )
