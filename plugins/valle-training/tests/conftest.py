from __future__ import annotations

from pathlib import Path

import pytest

from valle_data.testing import prepared_tones


@pytest.fixture(scope="session")
def tone_dataset(tmp_path_factory) -> Path:
    """A prepared corpus in which every letter is a tone."""
    return prepared_tones(tmp_path_factory.mktemp("tones"))
