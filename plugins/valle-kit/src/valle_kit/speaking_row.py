"""One request of an engine: a synthesizer in a thread that waits wherever the backbone's next step is asked for."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from valle_core.plugin import UserError
from valle_core.synthesis.request import Request, Speech
from valle_core.synthesis.synthesizer import Prepared, Synthesizer
from valle_kit.ahead import Ahead, GoesAhead, through_layers
from valle_kit.together import alone


class _Left(BaseException):
    """Ends the thread of a request that was cancelled; no code in between takes it for a failure."""


class Row:
    """A request that is spoken.

    Attributes:
        ticket: its number in the engine.
        x, cache: [1, D] what the backbone reads next, and its cache of one row; no cache where no state is waited for.
        state: [1, D] to be set before it goes on.
        tokens: [F] level-0 codes so far.
        walk: through the text, where the model has an alignment.
        level0: what `Synthesizer.level0` gave, once it is done.
        crowded: whether others are spoken with it.
        ended: level 0 is done, or it failed.
        error: what went wrong, or None.
    """

    def __init__(self, synthesizer: Synthesizer, request: Request) -> None:
        """Raises `UserError` for a request that cannot be spoken."""
        self.ticket = -1
        self.x, self.state = torch.zeros(1, 0), torch.zeros(1, 0)
        self.cache: Any = None
        self.tokens = torch.zeros(0, dtype=torch.long)
        self.walk: Any = None
        self.level0: Any = None
        self.crowded: Callable[[], bool] = lambda: False
        self.ended = self._left = self._over = False  # over: its thread does nothing more, alive or not
        self.error: Exception | None = None
        self.synthesizer, self.request, self._speech = synthesizer, request, None
        self._speaking = _Speaking(synthesizer, self, request)
        self._mine, self._theirs = threading.Semaphore(0), threading.Semaphore(0)
        self._turn = threading.Lock()  # one goes on at a time, or leaves
        self._thread = threading.Thread(target=self._run, args=(request,), daemon=True)

    @property
    def prepared(self) -> Prepared:
        """What the request is read as."""
        return self._speaking.ready

    def go_on(self) -> None:
        """Run until it waits again: for a state, or behind level 0."""
        with self._turn:
            self._switch()

    def finish(self) -> Speech:
        """The levels above and the sound. Raises what went wrong."""
        with self._turn:
            if self._speech is None and self.error is None:
                self._switch()
        if self.error is not None:
            raise self.error
        assert self._speech is not None
        self.synthesizer.timing = self._speaking.timing
        return self._speech

    def leave(self) -> None:
        """End it, wherever it is."""
        with self._turn:
            self._left = True
            if self._thread.ident is not None:
                self._switch()

    def wait(self) -> None:
        """The thread of the row: let others go on, until it is its turn again."""
        self._theirs.release()
        self._mine.acquire()
        if self._left:
            raise _Left

    def _switch(self) -> None:
        if self._over or (self._left and self._thread.ident is None):
            return
        if self._thread.ident is None:
            self._thread.start()
        else:
            self._mine.release()
        self._theirs.acquire()

    def _run(self, request: Request) -> None:
        try:
            self._speech = self._speaking([request])[0]
        except _Left:
            pass
        except Exception as error:
            self.error = error
        self.ended, self.cache, self._over = True, None, True
        self._theirs.release()


class _Speaking(Synthesizer):
    """The synthesizer of one row: what it says is what any says, but it waits for steps and behind level 0."""

    def __init__(self, synthesizer: Synthesizer, row: Row, request: Request) -> None:
        parts = synthesizer.components
        backbone = parts.ar.backbone
        waiting = _Waiting if getattr(backbone, "needs_condition", False) else _WaitingForStates
        super().__init__(replace(parts, ar=_with(parts.ar, waiting(backbone, row))))
        if parts.task.output != "codes":
            raise UserError(f"task '{parts.task_name}' gives no speech; use `Speaker.write`")
        self._row = row
        with torch.inference_mode():
            self.ready = synthesizer.prepare(request)

    def prepare(self, request: Request) -> Prepared:
        return self.ready

    def level0(self, inputs: Any, seeds: Any, requests: Any, watch: Any = None) -> Any:
        def see(tokens: Tensor, walk: Any) -> None:
            self._row.tokens, self._row.walk = tokens[0], walk

        found = self._row.level0 = super().level0(inputs, seeds, requests, watch or see)
        self._row.ended, self._row.cache = True, None
        self._row.wait()
        return found


class _Waiting(nn.Module):
    """The backbone, which lets others go on before each position it computes for itself."""

    def __init__(self, backbone: Any, row: Row) -> None:
        super().__init__()
        self.__dict__["backbone"], self.__dict__["row"] = backbone, row  # it stays the model's

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["backbone"], name)

    def crowded(self) -> bool:
        """See `valle_kit.drafting.Shared`."""
        return self.__dict__["row"].crowded()

    def forward(self, x: Tensor, *args: Any, **more: Any) -> Any:
        cache = more.get("cache")
        if cache is not None and (x.shape[1] == 1 or bool(cache.lengths.any())):  # not the prompt
            self.__dict__["row"].wait()
        return self.__dict__["backbone"](x, *args, **more)


class _WaitingForStates(_Waiting):
    """The backbone but for `step`, which waits until the engine has computed it with those of other rows, and `ahead`,
    which waits before several positions."""

    def forward(self, *args: Any, **more: Any) -> Any:
        return self.__dict__["backbone"](*args, **more)

    def step(self, x: Tensor, cache: Any) -> Tensor:
        row = self.__dict__["row"]
        if len(x) != 1:  # branches of guidance
            row.cache = None
            row.wait()
            return alone(self.__dict__["backbone"], x, cache)
        row.x, row.cache = x[:, 0], cache
        row.wait()
        row.cache = None
        return row.state

    def ahead(self) -> Ahead:
        backbone, row = self.__dict__["backbone"], self.__dict__["row"]
        way = backbone.ahead() if isinstance(backbone, GoesAhead) else through_layers(backbone)

        def ahead(x: Tensor, cache: Any, first: int, last: int) -> Tensor:
            if x.shape[1] == 1 and (first, last) == (0, backbone.n_layers):
                return self.step(x, cache)[:, None]
            if last == backbone.n_layers:
                row.cache = None
                row.wait()
            return way(x, cache, first, last)

        return ahead


def _with(model: Any, backbone: nn.Module) -> Any:
    """The same model around another backbone; nothing of it is copied."""
    twin = copy.copy(model)
    twin.__dict__["_modules"] = {**model._modules, "backbone": backbone}
    return twin
