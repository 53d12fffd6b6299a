"""Phonemes in a shared file: the frontend is asked once per text, and nothing that was damaged is believed."""

from __future__ import annotations

import json
import logging
import multiprocessing

import pytest

from valle_core.data.dataset import open_dataset
from valle_core.plugin import UserError
from valle_core.registry.identity import PluginIdentity
from valle_core.types import Phonemes
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.phoneme_cache import PhonemeCache, cache_key
from valle_data.preparation.prepare import prepare
from valle_testing.fakes.audio import FakeCodec, FakeFrontend, tone_corpus


class Silent(FakeFrontend):
    """Must not be asked."""

    def phonemize(self, text, language):
        raise AssertionError(f"asked for {text!r}")


def run(source, out, cache, *, codec=None, frontend=None, name="fake", options=None):
    return prepare(
        PrepareOptions(source=source, out=out, phoneme_cache=cache),
        codec=codec or FakeCodec(),
        frontend=frontend or FakeFrontend(),
        frontend_name=name,
        frontend_options=options,
    )


@pytest.fixture
def corpus(tmp_path):
    tone_corpus(tmp_path / "corpus", speakers=2, utterances=3)
    return tmp_path / "corpus"


def phonemes_of(text: str) -> Phonemes:
    return Phonemes(symbols=tuple(text), words=((0, len(text)),), language="xx")


def test_a_second_dataset_with_another_codec_asks_the_frontend_nothing(corpus, tmp_path):
    run(corpus, tmp_path / "a", tmp_path / "cache")
    run(corpus, tmp_path / "b", tmp_path / "cache", codec=FakeCodec(name="other"), frontend=Silent())
    a, b = open_dataset(tmp_path / "a"), open_dataset(tmp_path / "b")
    assert [a.record(id).phonemes for id in a.ids] == [b.record(id).phonemes for id in b.ids]
    assert [a.record(id).words for id in a.ids] == [b.record(id).words for id in b.ids]


@pytest.mark.parametrize("change", [{"name": "another"}, {"options": {"stress": False}}])
def test_another_frontend_or_other_options_are_asked(corpus, tmp_path, change):
    run(corpus, tmp_path / "a", tmp_path / "cache")
    frontend = FakeFrontend()
    run(corpus, tmp_path / "b", tmp_path / "cache", frontend=frontend, **change)
    assert frontend.calls == 6


def test_the_key_tells_apart_all_that_changes_an_answer():
    def key(name="espeak", version="1", options=None, stands_on="espeak-ng 1.52"):
        one = PluginIdentity(kind="frontend", name=name, distribution="valle-espeak", version=version, api=1)
        codec = PluginIdentity(kind="codec", name="x", distribution="valle-x", version=version + "c", api=1)
        return cache_key(name, [codec, one], options or {}, [stands_on])

    keys = {key(), key(name="text"), key(version="2"), key(options={"a": 1}), key(stands_on="espeak-ng 1.51")}
    assert len(keys) == 5
    assert key(name="valle-espeak:espeak") == key()


def test_refusals_are_not_kept(corpus, tmp_path):
    (corpus / "train/s0/000.txt").write_text("...")
    for out in ("a", "b"):
        frontend = FakeFrontend()
        assert run(corpus, tmp_path / out, tmp_path / "cache", frontend=frontend).reasons == {"no-phonemes": 1}
    assert frontend.calls == 1


def test_answers_are_shared_while_both_are_open(tmp_path):
    one, other = PhonemeCache(tmp_path / "c", "k"), PhonemeCache(tmp_path / "c", "k")
    one.add("hello", "xx", phonemes_of("hello"))
    assert other.find("hello", "xx") is None
    one.flush()
    other.flush()
    assert other.find("hello", "xx") == one.find("hello", "xx") == phonemes_of("hello")
    assert other.find("hello", "yy") is None
    assert PhonemeCache(tmp_path / "c", "another").find("hello", "xx") is None


def test_a_torn_or_changed_line_is_skipped_with_one_warning_and_asked_again(corpus, tmp_path, caplog):
    run(corpus, tmp_path / "a", tmp_path / "cache")
    lines = (tmp_path / "cache").read_text().splitlines()
    changed = lines[2].replace('"xx"', '"yy"')
    (tmp_path / "cache").write_text("\n".join([*lines[:2], changed, *lines[3:-1], lines[-1][:40]]))
    frontend = FakeFrontend()
    with caplog.at_level(logging.WARNING):
        run(corpus, tmp_path / "b", tmp_path / "cache", frontend=frontend)
    assert frontend.calls == 2
    assert sum("damaged line" in record.getMessage() for record in caplog.records) == 2, "the torn one when it ended"
    assert open_dataset(tmp_path / "b").manifest.symbols == open_dataset(tmp_path / "a").manifest.symbols
    run(corpus, tmp_path / "c", tmp_path / "cache", frontend=Silent())


@pytest.mark.parametrize("content", ["precious notes\n", "", "[1]\n", '{"what": "else", "format_version": 1}\n'])
def test_a_file_that_is_something_else_is_refused_and_kept(corpus, tmp_path, content):
    (tmp_path / "cache").write_text(content)
    with pytest.raises(UserError, match="is not a phoneme cache of valle"):
        run(corpus, tmp_path / "a", tmp_path / "cache")
    assert (tmp_path / "cache").read_text() == content


def test_a_cache_of_a_newer_valle_and_a_folder_are_refused(corpus, tmp_path):
    PhonemeCache(tmp_path / "cache", "k")
    facts = json.loads((tmp_path / "cache").read_text())
    (tmp_path / "cache").write_text(json.dumps({**facts, "format_version": 2}) + "\n")
    with pytest.raises(UserError, match="format_version 2, this valle reads 1"):
        run(corpus, tmp_path / "a", tmp_path / "cache")
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        run(corpus, tmp_path / "a", tmp_path)


def _append(path: str, who: int) -> None:
    cache = PhonemeCache(path, "k")
    for number in range(100):
        cache.add(f"{who} {number}", "xx", phonemes_of("a" * 200))
        cache.flush()


def test_processes_that_append_at_once_lose_nothing(tmp_path):
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=_append, args=(str(tmp_path / "c"), who)) for who in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    cache = PhonemeCache(tmp_path / "c", "k")
    assert all(cache.find(f"{who} {number}", "xx") for who in range(3) for number in range(100))
