"""`prepare_noise`: `prepare` of recordings without text, for training to mix with speech."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from valle_core.data.manifest import NO_TEXT
from valle_core.interfaces import Codec
from valle_core.registry.identity import PluginIdentity
from valle_core.types import Phonemes
from valle_data.preparation.components import PreparationComponents
from valle_data.preparation.layouts.noise import NO_LANGUAGE
from valle_data.preparation.noise_options import NoiseOptions
from valle_data.preparation.prepare import prepare_share
from valle_data.preparation.ranks import Ranks
from valle_data.preparation.report import PrepareReport
from valle_data.preparation.work import Progress


class NoText:
    """The frontend of recordings that say nothing: it has no symbols."""

    def phonemize(self, text: str, language: str) -> Phonemes:
        """See `Frontend.phonemize`; nothing, of any text."""
        return Phonemes(symbols=(), words=(), language=language)

    def symbols(self) -> Sequence[str]:
        """See `Frontend.symbols`."""
        return ()

    def languages(self) -> Sequence[str]:
        """See `Frontend.languages`."""
        return (NO_LANGUAGE,)


def noise_equipment(
    codec: Codec,
    *,
    plugins: tuple[PluginIdentity, ...] = (),
    codec_options: Mapping[str, Any] | None = None,
    device: torch.device | None = None,
) -> PreparationComponents:
    """What noise is prepared with: the codec of the speech, and no text."""
    return PreparationComponents(
        codec=codec,
        frontend=NoText(),
        frontend_name=NO_TEXT,
        codec_options=codec_options or {},
        plugins=plugins,
        device=device or torch.device("cpu"),
    )


def prepare_noise(options: NoiseOptions, *, codec: Codec, progress: Progress | None = None) -> PrepareReport:
    """Make `options.out` the noise set of `options.source`, doing only what is not done yet.

    It is a dataset without text: a piece of a recording is an utterance, a label a speaker.

    Raises:
        UserError: as `prepare`.
    """
    report = prepare_share(options.preparation(), noise_equipment(codec), Ranks(), progress=progress)
    assert isinstance(report, PrepareReport), "the only process has all parts"
    return report
