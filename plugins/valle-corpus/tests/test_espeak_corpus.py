from __future__ import annotations

import hashlib
import json
import wave
from pathlib import Path
from random import Random

import pytest
from valle_corpus.commands import SCHEMA
from valle_corpus.commands import corpus as run_corpus
from valle_corpus.engines.espeak_voices import VARIANTS, draw_speakers, variants
from valle_corpus.plan import CorpusPlan
from valle_corpus.sentences.grammar import GRAMMARS, draw_sentence
from valle_corpus.writing import write_corpus

from valle_core.plugin import UserError
from valle_testing.command import context_of

PLAN = CorpusPlan(voices=3, utterances=2, held_out_voices=2, held_out_utterances=1, languages=("en", "de"), seed=7)


def _bytes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "one"
    write_corpus(folder, PLAN, workers=1)
    return folder


def test_the_same_plan_gives_the_same_bytes_with_any_number_of_workers(corpus, tmp_path):
    write_corpus(tmp_path / "two", PLAN, workers=2)
    assert _bytes(tmp_path / "two") == _bytes(corpus)
    assert len(_bytes(corpus)) == 3 * (3 * 2 + 2) + 3


def test_another_seed_gives_other_speech(corpus, tmp_path):
    write_corpus(tmp_path / "other", CorpusPlan(voices=1, utterances=1, held_out_voices=0, seed=8), workers=1)
    assert not set(_bytes(tmp_path / "other").values()) & set(_bytes(corpus).values())


def test_every_utterance_has_text_speaker_language_and_times_within_the_sound(corpus):
    for path in corpus.glob("*/*/*.wav"):
        facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        assert facts["text"] + "\n" == path.with_suffix(".txt").read_text(encoding="utf-8")
        assert facts["speaker"] == path.parent.name
        assert facts["language"] == facts["voice"]["language"]
        with wave.open(str(path)) as file:
            assert file.getframerate() == facts["sample_rate"] == 22050
            assert abs(file.getnframes() / 22050 - facts["seconds"]) < 1e-5
        times = [time for _, start, end in facts["phonemes"] for time in (start, end)]
        assert times == sorted(times)
        assert times[0] >= 0
        assert times[-1] <= facts["seconds"]
        assert any(label for label, _, _ in facts["phonemes"])


def test_another_sample_rate_keeps_the_duration(corpus, tmp_path):
    plan = CorpusPlan(voices=3, utterances=1, held_out_voices=0, languages=("en", "de"), seed=7, sample_rate=16000)
    write_corpus(tmp_path / "slow", plan, workers=1)
    for path in (tmp_path / "slow").glob("train/*/*.json"):
        facts = json.loads(path.read_text(encoding="utf-8"))
        twin = json.loads((corpus / path.relative_to(tmp_path / "slow")).read_text(encoding="utf-8"))
        assert facts["sample_rate"] == 16000
        assert abs(facts["seconds"] - twin["seconds"]) < 1e-3


def test_training_and_held_out_share_neither_variant_nor_sentence():
    assert not set(variants(held_out=True)) & set(variants(held_out=False))
    assert set(variants(held_out=True)) | set(variants(held_out=False)) == set(VARIANTS)
    for language in GRAMMARS:
        rng = Random(language)
        train = {draw_sentence(language, rng, held_out=False) for _ in range(300)}
        held_out = {draw_sentence(language, rng, held_out=True) for _ in range(300)}
        assert not train & held_out
        assert min(len(train), len(held_out)) > 200


def test_odd_variants_are_not_among_the_voices():
    names = {name.lower() for name in VARIANTS}
    assert not {n for n in names if n.startswith(("whisper", "robosoft", "croak", "demonic"))}


def test_speakers_use_every_variant_before_one_comes_again():
    held_out = variants(held_out=True)
    speakers = draw_speakers(len(held_out), languages=("en",), seed=3, held_out=True)
    assert {voice.variant for _, _, voice in speakers} == set(held_out)


def test_minutes_bound_the_corpus(tmp_path):
    plan = CorpusPlan(voices=40, utterances=40, held_out_voices=0, minutes=0.5)
    assert write_corpus(tmp_path / "short", plan, workers=1)["train"] < 180


def test_a_folder_that_holds_something_is_never_written_into(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UserError, match="not an empty folder"):
        write_corpus(tmp_path, PLAN)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_command_writes_what_it_says(tmp_path):
    options = {"voices": 1, "utterances": 1, "held_out_voices": 1, "held_out_utterances": 1}
    result = run_corpus(context_of(SCHEMA, out=tmp_path / "c", workers=1, **options))
    assert result.text.startswith(f"wrote {tmp_path / 'c'}: train 0.0 min")
    assert len(list((tmp_path / "c").glob("*/*/*.wav"))) == 2


def test_a_language_without_sentences_is_refused(tmp_path):
    with pytest.raises(UserError, match="'xx'"):
        write_corpus(tmp_path / "c", CorpusPlan(languages=("xx",)), workers=1)
