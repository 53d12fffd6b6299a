"""The fakes of `valle_testing` as plugins, where training and speaking need a codec, a frontend and a task."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import PluginSpec


@dataclass(frozen=True)
class NoOptions:
    """Nothing to choose."""


def _spec(kind: str) -> PluginSpec:
    return PluginSpec(
        kind=kind,
        name="fake",
        api=1,
        summary=f"The {kind} of valle_testing",
        factory=f"fake_plugins:{kind}",
        options="fake_plugins:NoOptions",
    )


CODEC, FRONTEND, TASK = _spec("codec"), _spec("frontend"), _spec("task")


def codec(options: NoOptions, *, device):
    from valle_testing.fakes.audio import FakeCodec

    return FakeCodec(device=device)


def frontend(options: NoOptions):
    from valle_testing.fakes.audio import FakeFrontend

    return FakeFrontend()


def task(options: NoOptions):
    from valle_testing.fakes.parts import FakeTask

    return FakeTask()
