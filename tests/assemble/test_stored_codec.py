"""The codec of a dataset is built as it was then, with what is said on the command line instead of what was kept."""

from __future__ import annotations

import pytest
import torch
from valle_codec_tiny.options import TinyOptions

from valle_core.assemble.model import build_codec
from valle_core.assemble.schema import CODEC_SCHEMA
from valle_core.assemble.stored_codec import open_stored_codec
from valle_core.config.resolve import resolve
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_data.preparation.stored_options import codec_options

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def registry():
    return Registry.open()


@pytest.fixture(scope="module")
def untrained(registry):
    """Identity of the built-in codec with random weights."""
    return build_codec(registry.select("codec", "tiny"), TinyOptions(weights="random"), device=CPU).identity


@pytest.fixture
def opened(registry, untrained):
    def opened(options, *flags):
        resolved = resolve(CODEC_SCHEMA, registry, flags=flags)
        return open_stored_codec(resolved, registry, untrained, options, device=CPU, what="dataset 'd' holds codes of")

    return opened


@pytest.mark.parametrize("flags", [(), (("codec", "tiny"),), (("codec", "valle-codec-tiny:tiny"),)])
def test_the_kept_options_count_where_nothing_else_is_said(opened, flags):
    assert opened({"weights": "random"}, *flags).identity.name == "tiny"


def test_what_is_said_counts_and_what_is_another_codec_is_refused(opened, tmp_path):
    assert opened({"weights": str(tmp_path / "gone")}, ("codec", "tiny"), ("codec.weights", "random"))
    with pytest.raises(UserError, match="they differ in weights_hash"):
        opened({})
    with pytest.raises(UserError, match=r"dataset 'd' holds codes of codec 'tiny'.*not 'mel-gl'"):
        opened({"weights": "random"}, ("codec", "mel-gl"))


def test_options_the_installed_codec_does_not_have_are_named(opened):
    with pytest.raises(UserError, match=r"dataset 'd' holds codes of codec 'tiny': .*no option 'wieghts'"):
        opened({"wieghts": "random"})


def test_paths_of_weights_are_kept_absolute_and_words_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert codec_options(TinyOptions(weights="mine.safetensors")) == {"weights": str(tmp_path / "mine.safetensors")}
    assert [codec_options(TinyOptions(weights=word))["weights"] for word in ("", "random")] == ["", "random"]
