"""What the alignment of the voice excludes is refused by name, before its weights are read."""

from __future__ import annotations

from pathlib import Path

import pytest
import valle_voice

from valle_core.checkpoint.load import StoredModel
from valle_core.config.resolve import resolve
from valle_core.plugin import UserError
from valle_core.registry.hooks import Observers
from valle_core.registry.registry import Registry
from valle_core.synthesis.open import open_synthesizer
from valle_core.synthesis.options import SYNTHESIS_SCHEMA

MODEL = Path(valle_voice.__file__).parent / "model" / "ar"


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        (("stuck_seconds", "1"), "the alignment of .* ends its speech; leave --phoneme-seconds and --stuck-seconds"),
        (("phoneme_seconds", "0"), "the alignment of .* ends its speech; leave --phoneme-seconds and --stuck-seconds"),
    ],
)
def test_what_an_alignment_excludes_is_refused(flag, message, monkeypatch):
    def never(*_, **__):
        raise AssertionError("weights are read")

    monkeypatch.setattr(StoredModel, "load", never)
    registry = Registry.open()
    with pytest.raises(UserError, match=message):
        open_synthesizer(
            resolve(SYNTHESIS_SCHEMA, registry, flags=[("model", str(MODEL)), flag]), registry, Observers()
        )


def test_a_search_is_refused_with_an_alignment_that_follows_one_answer(monkeypatch):
    monkeypatch.setattr("valle_core.synthesis.open.capabilities", lambda _: frozenset())
    registry = Registry.open()
    flags = [("model", str(MODEL)), ("sampler", "beam")]
    with pytest.raises(UserError, match=r"sampler beam looks for whole answers, and the alignment of .* follows one"):
        open_synthesizer(resolve(SYNTHESIS_SCHEMA, registry, flags=flags), registry, Observers())
