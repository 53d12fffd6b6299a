"""Word error rate, intelligibility, voice similarity and curves."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from valle.curves import draw_curves, read_metrics
from valle_bench.codec import optional
from valle_bench.codec.intelligibility import compare
from valle_cli.demo.word_errors import wer, words
from valle_core.plugin import UserError
from valle_data.speakers import voice_similarity


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("a b c d", "a b c d", 0.0),
        ("a b c d", "a x c d", 0.25),
        ("a b c d", "a c d", 0.25),
        ("a b c d", "a b b c d", 0.25),
        ("a b c d", "d c b a", 1.0),
        ("a b", "", 1.0),
        ("a b", "x y z x y z", 3.0),
        ("", "", 0.0),
        ("", "x y", 2.0),
        ("The cat's hat.", "the cat’s HAT", 0.0),
    ],
)
def test_word_error_rate_counts_the_fewest_edits(reference: str, hypothesis: str, expected: float) -> None:
    assert wer(reference, hypothesis) == expected


def test_words_keep_inner_apostrophes_only() -> None:
    assert words("'Don't' stop -- it's 5!") == ["don't", "stop", "it's", "5"]


def voiced(pitch: float, formants: tuple[float, ...], seconds: float = 2.0, rate: int = 16_000) -> np.ndarray:
    """A pulse train through resonances, its loudness changing like syllables."""
    time = np.arange(int(seconds * rate)) / rate
    wave = np.zeros_like(time)
    for harmonic in np.arange(pitch, 7000, pitch):
        gain = sum(1 / (1 + ((harmonic - formant) / 120) ** 2) for formant in formants)
        wave += gain * np.cos(2 * np.pi * harmonic * time)
    wave *= 0.55 + 0.45 * np.sin(2 * np.pi * 4 * time)
    return (0.3 * wave / np.abs(wave).max()).astype(np.float32)


def test_intelligibility_falls_with_noise_and_is_best_for_the_sound_itself() -> None:
    pytest.importorskip("pesq")
    pytest.importorskip("pystoi")
    wav = voiced(120, (600, 1200, 2500))
    noise = np.random.default_rng(0).normal(size=len(wav)).astype(np.float32)
    same, light, heavy = (compare(wav, wav + level * noise, 16_000) for level in (0.0, 0.02, 0.3))
    assert same.pesq > 4.5
    assert same.stoi > 0.99
    assert same.stoi > light.stoi > heavy.stoi
    assert same.pesq > heavy.pesq


def test_intelligibility_takes_other_rates_and_cuts_to_the_shorter_sound() -> None:
    pytest.importorskip("pesq")
    pytest.importorskip("pystoi")
    wav = voiced(120, (600, 1200, 2500), rate=24_000)
    assert compare(wav, np.concatenate([wav, wav])[: len(wav) + 777], 24_000).stoi > 0.99
    assert compare(np.concatenate([wav, wav]), wav, 24_000).stoi > 0.99


def test_intelligibility_refuses_too_little_sound_and_survives_silence() -> None:
    pytest.importorskip("pesq")
    pytest.importorskip("pystoi")
    with pytest.raises(UserError, match=r"0\.5 s of audio, got 0\.01 s"):
        compare(np.zeros(160, np.float32), np.zeros(16_000, np.float32), 16_000)
    silent = compare(np.zeros(32_000, np.float32), voiced(120, (600,)), 16_000)
    assert silent.pesq == 1.0


@pytest.mark.parametrize("module", ["pesq", "pystoi"])
def test_a_missing_measure_names_what_installs_it(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pesq", sys.modules[__name__])
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=rf"needs {module}\. Install it with: pip install {module}$"):
        compare(np.zeros(16_000, np.float32), np.zeros(16_000, np.float32), 16_000)


def test_a_package_that_breaks_while_importing_shows_its_own_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_installed.py").write_text("import a_module_nobody_has\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="a_module_nobody_has"):
        optional.load("half_installed", "this test")


def test_one_voice_is_more_like_itself_than_like_another() -> None:
    low, high = (500, 1500, 2500), (900, 2100, 3600)
    same = voice_similarity(voiced(110, low), voiced(118, low, seconds=1.3), 16_000)
    different = voice_similarity(voiced(110, low), voiced(110, high), 16_000)
    assert voice_similarity(voiced(110, low), voiced(110, low), 16_000) == pytest.approx(1)
    assert same > different + 0.05


def write(path: Path, lines: list[dict], tail: str = "") -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + tail)
    return path


def test_curves_are_drawn_from_metrics_with_gaps_and_a_torn_line(tmp_path: Path) -> None:
    lines = [{"step": n, "loss": 3 / n, "loss_0": 2 / n, "accuracy_0": 1 - 1 / n} for n in range(1, 40)]
    lines[5] |= {"loss_3": 1.0, "accuracy_3": 0.5, "note": "text"}
    metrics = write(tmp_path / "metrics.jsonl", lines, tail='{"step": 40, "lo')
    assert len(read_metrics(metrics)) == 39
    draw_curves(metrics, tmp_path / "loss.png")
    assert (tmp_path / "loss.png").read_bytes()[:4] == b"\x89PNG"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["loss.png", "metrics.jsonl"]


def test_curves_need_no_accuracy(tmp_path: Path) -> None:
    draw_curves(write(tmp_path / "metrics.jsonl", [{"step": 1, "loss": 2.0}]), tmp_path / "loss.png")
    assert (tmp_path / "loss.png").stat().st_size > 1000


@pytest.mark.parametrize("content", [None, "", "no json\n"])
def test_metrics_without_a_step_are_refused(tmp_path: Path, content: str | None) -> None:
    metrics = tmp_path / "metrics.jsonl"
    if content is not None:
        metrics.write_text(content)
    with pytest.raises(UserError, match=r"metrics\.jsonl"):
        draw_curves(metrics, tmp_path / "loss.png")
    assert not (tmp_path / "loss.png").exists()
