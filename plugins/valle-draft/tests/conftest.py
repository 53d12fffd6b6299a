from __future__ import annotations

from pathlib import Path

import pytest

from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.prepare import prepare
from valle_testing.fakes.audio import FakeCodec, FakeFrontend, tone_corpus


@pytest.fixture(scope="session")
def tone_dataset(tmp_path_factory) -> Path:
    """A prepared corpus in which every letter is a tone."""
    folder = tmp_path_factory.mktemp("tones")
    tone_corpus(folder / "wav")
    options = PrepareOptions(source=folder / "wav", out=folder / "data")
    prepare(options, codec=FakeCodec(), frontend=FakeFrontend(), frontend_name="fake")
    return folder / "data"
