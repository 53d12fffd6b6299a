"""Neural codec language models from Python: prepare recordings, train a model, let it speak.

Importing it imports nothing heavy: each name is fetched when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from valle.options import Option, Part
    from valle.plugins import Plugin, list_plugins
    from valle.preparation import PreparedData, prepare
    from valle.samplers import Samplers
    from valle.speaker import Prompt, Speaker, load
    from valle.speech import Speech, SpeechWarning
    from valle.streaming import SpeechChunk
    from valle.training import Run, train
    from valle_core.plugin import UserError

    __version__: str
else:
    _OWNERS = {
        "valle.options": ("Option", "Part"),
        "valle.plugins": ("Plugin", "list_plugins"),
        "valle.preparation": ("PreparedData", "prepare"),
        "valle.samplers": ("Samplers",),
        "valle.speaker": ("Prompt", "Speaker", "load"),
        "valle.speech": ("Speech", "SpeechWarning"),
        "valle.streaming": ("SpeechChunk",),
        "valle.training": ("Run", "train"),
        "valle_core.plugin": ("UserError",),
    }

    def __getattr__(name):
        """Fetch a public name from the module that owns it. Raises `AttributeError` for any other."""
        from importlib import import_module, metadata

        if name == "__version__":
            return metadata.version("valle")
        for module, names in _OWNERS.items():
            if name in names:
                return getattr(import_module(module), name)
        raise AttributeError(f"module 'valle' has no attribute '{name}'")

    def __dir__():
        return sorted(__all__)


__all__ = [
    "Option",
    "Part",
    "Plugin",
    "PreparedData",
    "Prompt",
    "Run",
    "Samplers",
    "Speaker",
    "Speech",
    "SpeechChunk",
    "SpeechWarning",
    "UserError",
    "list_plugins",
    "load",
    "prepare",
    "train",
]
