"""The observer: methods are named as in valle_core/registry/hooks.py and take the arguments they want."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valle_core.api import hookimpl

from acme_package.loudness import AcmeNameOptions, levelled

if TYPE_CHECKING:
    from torch import Tensor


class AcmeNameHooks:
    """Replaces each sound by a levelled one."""

    def __init__(self, options: AcmeNameOptions) -> None:
        self._options = options

    @hookimpl
    def after_audio(self, wav: Tensor) -> Tensor:
        return levelled(wav, self._options)


HOOKS = AcmeNameHooks(AcmeNameOptions())
