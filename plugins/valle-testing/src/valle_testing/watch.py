"""Watches settings and random states of the process around a check: a plugin leaves them as they were."""

from __future__ import annotations

import functools
import gc
import locale
import logging
import os
import random
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

FAR = 0x5EED_0000
"""Added to every seed of a check, so that a plugin that seeds with a small number is noticed."""

WHEN_IMPORTED = ("TORCHINDUCTOR_", "TRITON_", "KMP_", "CUDA_MODULE_LOADING", "PYTEST_")
"""Beginnings of names in the environment that torch, OpenMP and pytest set themselves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One thing that belongs to the process, not to a plugin.

    Attributes:
        name: as messages write it.
        read: its value now.
        write: puts a value back.
        same: whether a value has not changed.
    """

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]
    same: Callable[[Any, Any], bool] = lambda before, now: before == now


def _path_of_torch() -> str:
    """The folder that torch.distributed.nn puts there when something of torch first imports it, or ""."""
    instantiator = sys.modules.get("torch.distributed.nn.jit.instantiator")
    return getattr(instantiator, "INSTANTIATED_TEMPLATE_DIR_PATH", "")


def _filters() -> list[Any]:
    return list(warnings.filters)


def _put_filters(value: list[Any]) -> None:
    warnings.filters[:] = value  # type: ignore[index]
    warnings._filters_mutated()  # type: ignore[attr-defined]


def _same_filters(before: list[Any], now: list[Any]) -> bool:
    """Libraries add filters about themselves when imported (a message, a module, a class of theirs), which is fine."""

    def broad(filters: list[Any]) -> list[Any]:
        return [one for one in filters if one[1] is None and one[3] is None and one[2].__module__ == "builtins"]

    return broad(before) == broad(now) and all(one in now for one in before)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(WHEN_IMPORTED)}


def _put_environment(value: dict[str, str]) -> None:
    for name in [*_environment()]:
        if name not in value:
            del os.environ[name]
    os.environ.update(value)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _put_signals(value: tuple[Any, Any]) -> None:
    for number, handler in zip((signal.SIGINT, signal.SIGTERM), value, strict=True):
        if handler is not None:
            signal.signal(number, handler)


def _put_streams(value: tuple[Any, Any]) -> None:
    sys.stdout, sys.stderr = value


def _put_logging(value: tuple[int, int, list[Any]]) -> None:
    logging.root.setLevel(value[0])
    logging.disable(value[1])
    logging.root.handlers[:] = value[2]


def _put_attention(value: tuple[bool, ...]) -> None:
    cuda = torch.backends.cuda
    puts = (cuda.enable_flash_sdp, cuda.enable_mem_efficient_sdp, cuda.enable_math_sdp, cuda.enable_cudnn_sdp)
    for put, on in zip(puts, value, strict=True):
        put(on)


def _attention() -> tuple[bool, ...]:
    cuda = torch.backends.cuda
    return (
        cuda.flash_sdp_enabled(),
        cuda.mem_efficient_sdp_enabled(),
        cuda.math_sdp_enabled(),
        cuda.cudnn_sdp_enabled(),
    )


def _deterministic() -> tuple[bool, bool, bool]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.backends.cudnn.deterministic,
    )


def _put_deterministic(value: tuple[bool, bool, bool]) -> None:
    torch.use_deterministic_algorithms(value[0], warn_only=value[1])
    torch.backends.cudnn.deterministic = value[2]


def _device() -> torch.device | None:
    try:
        return torch.get_default_device()
    except (AssertionError, RuntimeError):  # a device that is not there
        return None


def _put_device(value: torch.device | None) -> None:
    torch.set_default_device(None if value is None or value.type == "cpu" else value)
    context = torch._GLOBAL_DEVICE_CONTEXT
    if getattr(context, "device_context", context) is None:  # PyTorch 2.8 then fails to say what the default is
        del context.device_context


def _put_autocast(value: tuple[bool, torch.dtype]) -> None:
    torch.set_autocast_enabled("cpu", value[0])
    torch.set_autocast_dtype("cpu", value[1])


def _keeps_denormals() -> bool:
    return bool((torch.tensor([1e-40], device="cpu") * 0.5).any())


SETTINGS: tuple[Setting, ...] = (
    Setting(name="whether gradients are computed", read=torch.is_grad_enabled, write=torch.set_grad_enabled),
    Setting(name="the number of threads", read=torch.get_num_threads, write=torch.set_num_threads),
    Setting(name="the default dtype", read=torch.get_default_dtype, write=torch.set_default_dtype),
    Setting(name="the default device", read=_device, write=_put_device),
    Setting(name="the flags for deterministic algorithms", read=_deterministic, write=_put_deterministic),
    Setting(
        name="the search for the fastest convolution (cudnn.benchmark)",
        read=lambda: torch.backends.cudnn.benchmark,
        write=lambda value: setattr(torch.backends.cudnn, "benchmark", value),
    ),
    Setting(
        name="the precision of matrix products",
        read=torch.get_float32_matmul_precision,
        write=torch.set_float32_matmul_precision,
    ),
    Setting(
        name="the search for NaN in backward passes",
        read=torch.is_anomaly_enabled,
        write=torch.autograd.set_detect_anomaly,
    ),
    Setting(
        name="autocast",
        read=lambda: (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
        write=_put_autocast,
    ),
    Setting(name="the back ends of attention", read=_attention, write=_put_attention),
    Setting(
        name="whether denormal numbers are kept",
        read=_keeps_denormals,
        write=lambda kept: torch.set_flush_denormal(not kept),
    ),
    Setting(name="what numpy does about errors", read=np.geterr, write=lambda value: np.seterr(**value)),
    Setting(name="the environment", read=_environment, write=_put_environment),
    Setting(name="the working directory", read=os.getcwd, write=os.chdir),
    Setting(name="the rights of new files (umask)", read=_umask, write=os.umask),
    Setting(name="the filters of warnings", read=_filters, write=_put_filters, same=_same_filters),
    Setting(
        name="the handlers of signals",
        read=lambda: (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)),
        write=_put_signals,
    ),
    Setting(
        name="where modules are found (sys.path)",
        read=lambda: list(sys.path),
        write=lambda value: sys.path.__setitem__(slice(None), value),
        same=lambda before, now: before == [one for one in now if one in before or one != _path_of_torch()],
    ),
    Setting(
        name="the standard streams",
        read=lambda: (sys.stdout, sys.stderr),
        write=_put_streams,
        same=lambda before, now: before[0] is now[0] and before[1] is now[1],
    ),
    Setting(
        name="what happens to an error nobody catches",
        read=lambda: sys.excepthook,
        write=lambda value: setattr(sys, "excepthook", value),
        same=lambda before, now: before is now,
    ),
    Setting(name="the depth of recursion", read=sys.getrecursionlimit, write=sys.setrecursionlimit),
    Setting(
        name="whether garbage is collected",
        read=gc.isenabled,
        write=lambda on: gc.enable() if on else gc.disable(),
    ),
    Setting(
        name="what is logged",
        read=lambda: (logging.root.level, logging.root.manager.disable, list(logging.root.handlers)),
        write=_put_logging,
    ),
    Setting(
        name="the locale",
        read=lambda: locale.setlocale(locale.LC_ALL),
        write=lambda value: locale.setlocale(locale.LC_ALL, value),
    ),
)
"""What no plugin may change, random states aside."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Generators:
    """The global random states: the seed torch was given last, and what it, numpy and Python would draw next."""

    seed: int
    torch: bytes
    numpy: bytes
    python: tuple[Any, ...]

    @classmethod
    def now(cls) -> Generators:
        """As they are."""
        state: Any = np.random.get_state()
        return cls(
            seed=torch.initial_seed(),
            torch=torch.default_generator.get_state().numpy().tobytes(),
            numpy=state[1].tobytes() + repr(state[2:]).encode(),
            python=random.getstate(),
        )

    def changes(self, since: Generators, *, may_draw: bool) -> Iterator[str]:
        """What differs from an earlier time. Who may draw may use torch's numbers, not seed it."""
        if self.seed != since.seed:
            yield "the random seed of torch"
        elif not may_draw and self.torch != since.torch:
            yield "the random state of torch"
        if self.numpy != since.numpy:
            yield "the random state of numpy"
        if self.python != since.python:
            yield "the random state of Python"


@contextmanager
def generators_kept() -> Iterator[None]:
    """Whatever is drawn or seeded inside, the global random states are afterwards as before."""
    kept = torch.default_generator.get_state(), np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        torch.default_generator.set_state(kept[0])
        np.random.set_state(kept[1])
        random.setstate(kept[2])


def seed_all(seed: int) -> None:
    """Seed torch, numpy and Python, far from the numbers a plugin would take."""
    torch.manual_seed(FAR + seed)
    np.random.seed(FAR + seed)
    random.seed(FAR + seed)


class Reseeded(AssertionError):
    """Random states were changed inside `seeded`.

    Attributes:
        changed: names of them.
    """

    def __init__(self, changed: list[str]) -> None:
        super().__init__(f"it changes {', '.join(changed)}")
        self.changed = changed


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Global random states from this seed inside, as before outside.

    Raises `Reseeded` where they were seeded anew inside, or numpy's or Python's were drawn from.
    """
    with generators_kept():
        seed_all(seed)
        before = Generators.now()
        yield
        changed = list(Generators.now().changes(before, may_draw=True))
    if changed:
        raise Reseeded(changed)


class Watch:
    """What a check may not change, as it is when the watch is made."""

    def __init__(self, *, may_draw: bool) -> None:
        self._may_draw = may_draw
        self._before = [setting.read() for setting in SETTINGS]
        self._expected = Generators.now()

    def building(self, build: Callable[..., Any]) -> Callable[..., Any]:
        """The same function; torch's numbers may be drawn inside (fresh weights), not seeded."""

        @functools.wraps(build)
        def built(*given: Any, **how: Any) -> Any:
            before = Generators.now()
            made = build(*given, **how)
            after = Generators.now()
            if before == self._expected and not list(after.changes(before, may_draw=True)):
                self._expected = after
            return made

        return built

    def changes(self) -> list[str]:
        """Names of what is no longer as it was."""
        changed = [
            setting.name
            for setting, before in zip(SETTINGS, self._before, strict=True)
            if not setting.same(before, setting.read())
        ]
        return [*changed, *Generators.now().changes(self._expected, may_draw=self._may_draw)]

    def put_back(self) -> None:
        """Settings as they were; random states are put back by `generators_kept`."""
        for setting, before in zip(SETTINGS, self._before, strict=True):
            if not setting.same(before, setting.read()):
                setting.write(before)


@contextmanager
def watched(changed: list[str], *, may_draw: bool) -> Iterator[Watch]:
    """Adds to `changed` what is no longer as it was behind the block, and puts it back."""
    with generators_kept():
        seed_all(7)
        watch = Watch(may_draw=may_draw)
        try:
            yield watch
        finally:
            changed += watch.changes()
            watch.put_back()


def in_words(changed: dict[str, Sequence[str]]) -> str:
    """What changed, and in which checks: `the number of threads (in gives_every_frame and 3 more)`."""
    places: dict[str, list[str]] = {}
    for check, names in changed.items():
        for name in names:
            places.setdefault(name, []).append(check)
    listed = []
    for name, checks in places.items():
        more = f" and {len(checks) - 1} more" if len(checks) > 1 else ""
        listed.append(f"{name} (in {checks[0]}{more})")
    return ", ".join(listed)
