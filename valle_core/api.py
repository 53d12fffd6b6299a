"""The public names for Python users and for plugins that bring commands or hooks; importing it imports nothing else.

Every name is fetched from the module that owns it when it is first used, so a command that only needs `UserError`
does not pay for torch. What is not listed here is internal and may move without notice.
"""

# ruff: noqa: F401  (the imports below are for type checkers and editors; `_WHERE` is what runs)
from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from valle_core.assemble.device import choose_device
    from valle_core.assemble.part import build
    from valle_core.audio.wav import load as read_audio
    from valle_core.audio.wav import write as write_audio
    from valle_core.checkpoint.folder import RunFolder, save_checkpoint
    from valle_core.checkpoint.load import LoadedModel, load_model
    from valle_core.checkpoint.manifest import PluginIdentity
    from valle_core.config.resolve import resolve
    from valle_core.config.schema import Part, Resolved, Schema, Section, Slot
    from valle_core.data.dataset import Dataset, open_dataset
    from valle_core.plugin import CommandSpec, HookSpec, PluginSpec, Requirement, UserError
    from valle_core.registry.hooks import Observers, hookimpl, open_observers
    from valle_core.registry.preflight import preflight
    from valle_core.registry.registry import Registry
    from valle_core.synthesis.autoregressive import Prompted
    from valle_core.synthesis.autoregressive import decode as decode_autoregressive
    from valle_core.synthesis.open import open_synthesizer
    from valle_core.synthesis.options import SYNTHESIS_SCHEMA, SynthesisOptions
    from valle_core.synthesis.request import Request, Speech, Timing
    from valle_core.synthesis.sampling.chain import SamplerChain
    from valle_core.synthesis.sampling.randomness import row_seeds
    from valle_core.synthesis.sampling.view import View as SamplingView
    from valle_core.synthesis.synthesizer import Synthesizer
    from valle_core.training.config import TRAIN_SCHEMA, RunOptions
    from valle_core.training.loop import TrainResult
    from valle_core.training.options import TrainOptions
    from valle_core.training.run import run_training

_WHERE = {
    # plugins
    "CommandSpec": "valle_core.plugin:CommandSpec",
    "HookSpec": "valle_core.plugin:HookSpec",
    "PluginSpec": "valle_core.plugin:PluginSpec",
    "Requirement": "valle_core.plugin:Requirement",
    "UserError": "valle_core.plugin:UserError",
    "Registry": "valle_core.registry.registry:Registry",
    "preflight": "valle_core.registry.preflight:preflight",
    "build": "valle_core.assemble.part:build",
    "Observers": "valle_core.registry.hooks:Observers",
    "hookimpl": "valle_core.registry.hooks:hookimpl",
    "open_observers": "valle_core.registry.hooks:open_observers",
    # configuration
    "Part": "valle_core.config.schema:Part",
    "Resolved": "valle_core.config.schema:Resolved",
    "Schema": "valle_core.config.schema:Schema",
    "Section": "valle_core.config.schema:Section",
    "Slot": "valle_core.config.schema:Slot",
    "resolve": "valle_core.config.resolve:resolve",
    # audio and devices
    "choose_device": "valle_core.assemble.device:choose_device",
    "read_audio": "valle_core.audio.wav:load",
    "write_audio": "valle_core.audio.wav:write",
    # data
    "Dataset": "valle_core.data.dataset:Dataset",
    "open_dataset": "valle_core.data.dataset:open_dataset",
    # training
    "TRAIN_SCHEMA": "valle_core.training.config:TRAIN_SCHEMA",
    "RunOptions": "valle_core.training.config:RunOptions",
    "TrainOptions": "valle_core.training.options:TrainOptions",
    "TrainResult": "valle_core.training.loop:TrainResult",
    "run_training": "valle_core.training.run:run_training",
    "LoadedModel": "valle_core.checkpoint.load:LoadedModel",
    "RunFolder": "valle_core.checkpoint.folder:RunFolder",
    "load_model": "valle_core.checkpoint.load:load_model",
    "PluginIdentity": "valle_core.checkpoint.manifest:PluginIdentity",
    "save_checkpoint": "valle_core.checkpoint.folder:save_checkpoint",
    # synthesis
    "SYNTHESIS_SCHEMA": "valle_core.synthesis.options:SYNTHESIS_SCHEMA",
    "SynthesisOptions": "valle_core.synthesis.options:SynthesisOptions",
    "open_synthesizer": "valle_core.synthesis.open:open_synthesizer",
    "Prompted": "valle_core.synthesis.autoregressive:Prompted",
    "decode_autoregressive": "valle_core.synthesis.autoregressive:decode",
    "SamplerChain": "valle_core.synthesis.sampling.chain:SamplerChain",
    "SamplingView": "valle_core.synthesis.sampling.view:View",
    "row_seeds": "valle_core.synthesis.sampling.randomness:row_seeds",
    "Request": "valle_core.synthesis.request:Request",
    "Speech": "valle_core.synthesis.request:Speech",
    "Synthesizer": "valle_core.synthesis.synthesizer:Synthesizer",
    "Timing": "valle_core.synthesis.request:Timing",
}
"""name → `"module:attribute"` of its owner; a test compares it with the imports for type checkers above."""


def __getattr__(name: str) -> Any:
    """Fetch a public name from the module that owns it. Raises `AttributeError` for any other."""
    if name not in _WHERE:
        raise AttributeError(f"module 'valle_core.api' has no attribute '{name}'")
    module, _, attribute = _WHERE[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(_WHERE)
