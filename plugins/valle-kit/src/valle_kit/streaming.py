"""Speech while it is still being decoded: windows of the other levels and of the codec follow level 0."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.synthesis.autoregressive import Decoded
from valle_core.synthesis.request import Request
from valle_core.synthesis.sampling.randomness import row_seeds
from valle_core.synthesis.synthesizer import Prepared, Synthesizer


@dataclass(frozen=True, kw_only=True, slots=True)
class Windowing:
    """How an answer is cut into chunks, in seconds.

    A level ≥ 1 sees the frames around its own. In a window it sees `before` and `ahead` of them instead of all, so its
    codes may differ from those of the whole answer at once.

    Windows are where these numbers say, however fast level 0 comes, so equal requests give equal chunks. Each costs a
    pass over the prompt and `before` as well: with the voice in the box a second of speech took 0.20 s of one core at a
    step of 0.8 s, and 0.11 s as it is now, with `later`.

    Attributes:
        first: new frames in the first window; each has twice as many as the one before it.
        step: most new frames in a window: more make fewer passes over what was there before.
        ahead: frames of level 0 behind the last that is decoded.
        before: frames before the first that is decoded.
    """

    first: float = 0.56
    step: float = 3.2
    ahead: float = 0.1
    before: float = 1.0

    @property
    def later(self) -> Windowing:
        """For a sentence that follows others, whose listener has something to play until its first chunk comes."""
        return replace(self, first=max(self.first, min(4 * self.first, self.step)))

    def __post_init__(self) -> None:
        for name, low in (("first", 0.02), ("step", 0.02), ("ahead", 0.0), ("before", 0.0)):
            if not low <= getattr(self, name) <= 60:
                raise UserError(f"the window's {name} must be in [{low:g}, 60] s, got {getattr(self, name):g}")


class Chunk(NamedTuple):
    """A piece of an answer, after the `after_audio` hooks.

    Attributes:
        wav: [N] in [−1, 1], whole frames.
        start: seconds at which it begins.
        frames: of the answer that were known when it left.
        last: whether the answer ends here.
    """

    wav: Float[Tensor, "N"]
    start: float
    frames: int
    last: bool


class _Left(Exception):
    """Nobody listens any more."""


class Seen(NamedTuple):
    """Level 0 as far as it is known, at the pace that was asked for.

    Attributes:
        tokens: [F] from the first on.
        times: [P + 1] when each symbol is said, where the model has an alignment; what was not said begins at F or
            later.
        last: whether there will be no more.
    """

    tokens: Int[Tensor, "F"]
    times: Float[Tensor, "P_plus_1"] | None
    last: bool


def seen(tokens: Int[Tensor, "F"], walk: Any, *, speed: float, wanted: int) -> Seen | None:
    """What is known of an answer whose tokens so far are these, if it is more than `wanted` frames.

    At another speed than 1 the walk says by `settled` how many frames of `kept` stay whatever follows; where it cannot,
    nothing is known before the end.
    """
    count = len(tokens)
    if speed == 1:
        if count <= wanted:
            return None
        return Seen(tokens.clone(), None if walk is None else walk.times([count])[0], last=False)
    if count < (wanted - 2) * speed or not hasattr(walk, "settled"):
        return None
    frames = walk.settled([count])[0]
    if frames <= wanted:
        return None
    stay = walk.kept([count])[0][:frames]
    return Seen(tokens[stay.to(tokens.device)], walk.times([count])[0], last=False)


def stream(synthesizer: Synthesizer, request: Request, windowing: Windowing | None = None) -> Iterator[Chunk]:
    """The answer in chunks, the first of which leaves while level 0 is still being drawn in a thread of its own.

    Level 0 is that of `synthesizer([request])`; see `Windowing` for the others. Of a request with a source, whose task
    may put the answer into it, the answer comes as one chunk. An iterator that is closed ends the thread.

    What the safeguards take off the end of an answer may have left by then.

    Raises:
        UserError: as the synthesizer does, before the first chunk.
    """
    if request.source is not None or synthesizer.components.task.output != "codes":
        (speech,) = synthesizer([request])
        yield Chunk(speech.wav, 0.0, len(speech.codes), last=True)
        return
    with torch.inference_mode():
        prepared = synthesizer.prepare(request)
    levels = WindowedLevels(synthesizer, prepared, request, windowing or Windowing())
    speed = synthesizer.components.speed
    news: SimpleQueue[Seen | BaseException] = SimpleQueue()
    gate = _Gate(levels.wanted)

    def watch(tokens: Int[Tensor, "1 L"], walk: Any) -> None:
        if gate.closed:
            raise _Left
        if (found := seen(tokens[0], walk, speed=speed, wanted=gate.wanted)) is not None:
            gate.wanted = _NEVER
            news.put(found)

    def draw() -> None:
        try:
            with torch.inference_mode():
                found, times, _ = synthesizer.level0([prepared.inputs], levels.seeds, [request], watch)
            news.put(Seen(found.tokens[0], times[0], last=True))
        except BaseException as error:  # raised where the chunks are asked for
            news.put(error)

    thread = Thread(target=draw, name="valle-level-0", daemon=True)
    thread.start()
    try:
        while True:
            found = news.get()
            if isinstance(found, BaseException):
                raise found
            yield from levels.push(found)
            if found.last:
                return
            gate.wanted = levels.wanted
    finally:
        gate.closed = True
        thread.join()


_NEVER = 2**62


class _Gate:
    """What the two threads tell each other: how many tokens are waited for, and that nobody waits any more."""

    def __init__(self, wanted: int) -> None:
        self.wanted, self.closed = wanted, False


class WindowedLevels:
    """Levels ≥ 1 and the codec of one answer, window by window.

    Attributes:
        seeds: [1] of the row.
        done: frames that are decoded.
        wanted: tokens of level 0 that the next window needs.
    """

    def __init__(self, synthesizer: Synthesizer, prepared: Prepared, request: Request, windowing: Windowing) -> None:
        self._synthesizer, self._request, self._inputs = synthesizer, request, prepared.inputs
        components, codec = synthesizer.components, synthesizer.components.codec
        first, step, self._ahead, self._before = (
            round(seconds * codec.frame_rate)
            for seconds in (windowing.first, windowing.step, windowing.ahead, windowing.before)
        )
        self._new, self._step = max(first, 1), max(step, first, 1)
        self.seeds = row_seeds(request.seed, [0], device=synthesizer.device)
        self._vectors = components.expected and hasattr(codec, "stream_vectors")
        self._codec = codec.stream_vectors() if self._vectors else codec.stream()
        self.done = self._given = 0

    @property
    def wanted(self) -> int:
        return self.done + self._new + self._ahead

    def push(self, seen: Seen) -> Iterator[Chunk]:
        """The chunks that can be decoded of it, and that were not before; the last of them where nothing follows."""
        while self.wanted < len(seen.tokens):
            chunk = self.window(seen)
            if len(chunk.wav):
                yield chunk
        if seen.last:
            yield self.window(seen)

    def window(self, seen: Seen) -> Chunk:
        """The next window, which has more frames behind it, or the last; there may be no sound yet."""
        count = len(seen.tokens)
        if self.wanted < count:
            return self._chunk(seen, self.done + self._new, self.wanted)
        assert seen.last, "nothing can be decoded yet"
        return self._chunk(seen, count, count)

    @torch.inference_mode()
    def _chunk(self, seen: Seen, end: int, known: int) -> Chunk:
        """Frames up to `end`, of which those up to `known` are looked at."""
        start, parts = max(0, self.done - self._before), []
        if end > self.done:  # else the safeguards ended the answer before what has left
            parts.append(self._codec.push(self._window(seen, start, known)[:, self.done - start : end - start]))
        last = seen.last and end == len(seen.tokens)
        if last:
            parts.append(self._codec.flush())
        self.done, self._new = end, min(2 * self._new, self._step)
        wav = torch.cat(parts, 1)[0].float().cpu()
        rate, begin = self._synthesizer.sample_rate, self._given
        self._given += len(wav)
        return Chunk(self._synthesizer.after_audio(wav.clone(), self._request), begin / rate, known, last)

    def _window(self, seen: Seen, start: int, known: int) -> Tensor:
        """Codes [1, F, Q] of the frames from `start` on, or what they are expected to sum to."""
        level0 = Decoded(tokens=[seen.tokens[start:known]], stopped=[True], steps=0)
        times = None if seen.times is None else (seen.times - start).clamp(0, known - start)
        inputs = replace(self._inputs, times=times)
        codes, vectors = self._synthesizer.other_levels([inputs], level0, self.seeds)
        return (vectors if self._vectors and vectors is not None else codes)[0][None]
