"""The core and one plugin of each kind, and nothing else of valle: it trains and speaks.

The dataset is prepared where the tests run: `valle prepare` is a wing's.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PLUGINS = ("transformer", "attention-sdpa", "codec-tiny", "tasks", "samplers", "text")
BESIDE = ("testing", "kit", "language")
"""What the plugins themselves stand on, and the suites."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def facts(environment, tmp_path_factory) -> dict:
    from valle_cli.main import run
    from valle_testing.fakes.audio import tone_corpus

    work = tmp_path_factory.mktemp("smallest")
    tone_corpus(work / "wav", utterances=4)
    words = ["prepare", work / "wav", "--out", work / "data", "--codec", "mel-gl", "--frontend", "text", "--language"]
    assert run([str(word) for word in (*words, "en", "--device", "cpu", "--quiet")]) == 0
    made = environment(work / "env", [ROOT, *(ROOT / "plugins" / f"valle-{name}" for name in (*PLUGINS, *BESIDE))])
    script = shutil.copy(HERE / "train_and_speak.py", work)
    made.run("-I", script, work, cwd=work)
    return json.loads((work / "facts.json").read_text(encoding="utf-8"))


def test_nothing_of_valle_is_there_but_the_core_and_what_was_named(facts):
    assert facts["distributions"] == sorted(["valle-core", *(f"valle-{name}" for name in (*PLUGINS, *BESIDE))])
    assert not {"valle_cli", "valle_data", "valle_bench", "valle_testing"} & {*facts["loaded"]}


def test_it_trains_and_speaks(facts):
    assert facts["step"] == 30
    assert facts["last"] < 0.95 * facts["first"]
    assert facts["samples"] > 0
    assert facts["finite"]
