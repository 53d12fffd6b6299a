"""The recipe of docs/fine-tuning.md#a-language in small: German, from the shipped voice."""

from __future__ import annotations

import json

import pytest
import valle_voice

BOX = f"{valle_voice.__path__[0]}/model"


@pytest.mark.slow
def test_a_language_that_the_voice_has_not_is_spoken_after_its_recipe(valle, tmp_path):
    def done(*words) -> str:
        code, out, err = valle(*words)
        assert code == 0, err
        return out + err

    corpus = tmp_path / "german"
    done("corpus", "--out", corpus, "--languages", "de", "--voices", "2", "--utterances", "3", "--held-out-voices",
         "1", "--held-out-utterances", "2", "--workers", "1", "--quiet")  # fmt: skip
    tables = [(corpus / f"{group}.jsonl").read_text() for group in ("train", "held-out")]
    rows = [json.loads(line) for table in tables for line in table.splitlines()]
    assert len(rows) == 8
    assert all(len(row["durations"]) == len(row["phones"]) + 2 for row in rows)
    (corpus / "all.jsonl").write_text("".join(tables))
    done("prepare", corpus / "all.jsonl", "--out", tmp_path / "data", "--codec", "small", "--frontend", "espeak",
         "--held-out-groups", "held-out", "--device", "cpu", "--quiet")  # fmt: skip
    for half in ("ar", "nar"):
        words = ["--task.min-seconds", "0.5", "--task.max-seconds", "1", "--batching.seconds", "10", "--quiet"]
        told = done("train", "--data", tmp_path / "data", "--out", tmp_path / half, "--config",
                    f"{BOX}/{half}/model.yaml", "--init-from", f"{BOX}/{half}", "--steps", "2", "--device", "cpu",
                    *words)  # fmt: skip
        assert "does not know the languages de; they start untrained" in told
    done("synth", "Das Boot fährt heute.", "--model", tmp_path / "ar", "--nar-model", tmp_path / "nar", "--language",
         "de", "--out", tmp_path / "german.wav", "--device", "cpu", "--max-duration", "1")  # fmt: skip
    assert (tmp_path / "german.wav").stat().st_size > 1000
