"""A preparation with a fake codec and a fake frontend, for tests of finding, filtering and storing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from valle_core.interfaces import Codec, Frontend
from valle_data.preparation.aligning import Aligner
from valle_data.preparation.finding import find_recordings
from valle_data.preparation.layouts.layout import Found
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.prepare import prepare
from valle_data.preparation.report import PrepareReport
from valle_data.preparation.work import Progress
from valle_testing.fakes.audio import FakeCodec, FakeFrontend, tone_corpus


def find(source: Path, **options: Any) -> Found:
    """What a preparation of `source` with these `PrepareOptions` would look at."""
    return find_recordings(PrepareOptions(source=source, out=source.parent / "out", **options))


def reasons(found: Found) -> dict[str, int]:
    """How many recordings were left out for each reason."""
    return dict(Counter(rejection.reason for rejection in found.rejected))


def prepared_tones(folder: Path, **corpus: int) -> Path:
    """A prepared corpus in which every letter is a tone: `folder/data`, of the recordings in `folder/wav`."""
    tone_corpus(folder / "wav", **corpus)
    run(folder / "wav", folder / "data")
    return folder / "data"


def run(
    source: Path,
    out: Path,
    *,
    codec: Codec | None = None,
    frontend: Frontend | None = None,
    progress: Progress | None = None,
    aligner: Aligner | None = None,
    **options: Any,
) -> PrepareReport:
    """Prepare `source` with these `PrepareOptions`."""
    return prepare(
        PrepareOptions(source=source, out=out, **options),
        codec=codec or FakeCodec(),
        frontend=frontend or FakeFrontend(),
        frontend_name="fake",
        progress=progress,
        aligner=aligner,
    )
