"""`--language auto`: each speaker's language is found over all of their transcripts, and what is not clear is named."""

from __future__ import annotations

import pytest

from valle_core.audio.wav import write
from valle_core.data.dataset import open_dataset
from valle_core.plugin import UserError
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.prepare import prepare
from valle_testing.fakes.audio import FakeCodec, FakeFrontend, tone_speech


class Bilingual(FakeFrontend):
    """Takes German and French in place of the tests' own languages."""

    def languages(self):
        return ("de", "fr", "fr-be")


def record(folder, speaker, *texts, first=0):
    for number, text in enumerate(texts, start=first):
        path = folder / speaker / f"{number:03d}.wav"
        write(path, tone_speech("abcdef", speaker=0, sample_rate=16_000), 16_000)
        path.with_suffix(".txt").write_text(text, encoding="utf-8")


def run(source, out, language="auto"):
    options = PrepareOptions(source=source, out=out, language=language, max_letters=1000)  # the tones are short
    return prepare(options, codec=FakeCodec(), frontend=Bilingual(), frontend_name="fake")


def test_a_speaker_has_one_language_even_in_lines_that_do_not_show_it(tmp_path):
    record(tmp_path / "wav", "anna", "Der Hund schläft im Garten.", "Morgenstund hat Gold im Mund.", "hello")
    record(tmp_path / "wav", "paul", "Petit à petit, l'oiseau fait son nid.", "ok")
    report = run(tmp_path / "wav", tmp_path / "out")
    dataset = open_dataset(tmp_path / "out")
    assert [dataset.row(id).language for id in dataset.ids] == ["de", "de", "de", "fr", "fr"]
    assert report.languages_text() == "languages detected: de (3 utterances), fr (2 utterances)"
    assert report.to_json()["languages"] == {"de": 3, "fr": 2}
    assert report.detected


def test_a_speaker_whose_language_is_not_clear_is_left_out_with_the_way_to_name_it(tmp_path):
    record(tmp_path / "wav", "anna", "Der Hund schläft im Garten.")
    record(tmp_path / "wav", "mute", "25")
    report = run(tmp_path / "wav", tmp_path / "out")
    assert report.reasons == {"unclear-language": 1}
    assert "--language TAG" in report.rejected[0].detail


def test_a_speaker_whose_language_turns_out_otherwise_is_prepared_again(tmp_path):
    record(tmp_path / "wav", "anna", "Der Hund schläft im Garten.")
    run(tmp_path / "wav", tmp_path / "out")
    nests = [f"L'oiseau fait son nid numéro {n} dans l'arbre." for n in ("un", "deux", "trois")]
    record(tmp_path / "wav", "anna", *nests, first=1)
    run(tmp_path / "wav", tmp_path / "out")
    dataset = open_dataset(tmp_path / "out")
    assert [dataset.row(id).language for id in dataset.ids] == ["fr"] * 4


def test_the_candidates_may_be_named_by_region(tmp_path):
    record(tmp_path / "wav", "paul", "Petit à petit, l'oiseau fait son nid.")
    assert run(tmp_path / "wav", tmp_path / "out", "auto:fr-be,de").languages == {"fr-be": 1}


def test_a_candidate_that_is_no_language_of_the_frontend_is_refused(tmp_path):
    record(tmp_path / "wav", "paul", "Petit à petit, l'oiseau fait son nid.")
    with pytest.raises(UserError, match=r"'it' is not a language of the frontend. Choose from de, fr, fr-be"):
        run(tmp_path / "wav", tmp_path / "out", "auto:it,de")
