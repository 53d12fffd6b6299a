"""The measuring of codecs: what is compared, what is left out, and how it is told."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch

from valle_bench.candidates import candidates_of
from valle_bench.codec.cells import Bench, difference, measure
from valle_bench.codec.implementations import OwnCodec
from valle_bench.codec.memory import Memory
from valle_bench.codec.plot import draw
from valle_bench.codec.run import Measured, _rows
from valle_bench.codec.settings import OWN, Cell, Figure, Settings, memory_cells, shared_cells
from valle_bench.codec.signals import recordings, voice
from valle_bench.codec.tables import RANDOM, CodecReport
from valle_core.plugin import UserError
from valle_testing.fakes.audio import FakeCodec


class Off(OwnCodec):
    """One code in a hundred differs, and the sound is a little louder."""

    def encode(self, wav):
        codes = super().encode(wav).clone()
        codes[:, ::25, 0] = (codes[:, ::25, 0] + 1) % 32
        return codes

    def decode(self, codes):
        return 1.01 * super().decode(codes)


class Broken(OwnCodec):
    def encode(self, wav):
        raise RuntimeError("no kernel for this")

    def decode(self, codes):
        return super().decode(codes)[:, 5:] * math.nan


@pytest.fixture
def settings():
    return Settings(seconds=(0.5,), batch=2, stream_seconds=0.4, memory_seconds=0.5, long_seconds=2.0, repeats=2)


@pytest.fixture
def bench(settings):
    codec = FakeCodec()
    implementations = {OWN: OwnCodec(codec), "same": OwnCodec(codec), "off": Off(codec), "broken": Broken(codec)}
    return Bench(codec, implementations, settings, random=False)


def test_sides_are_compared_before_they_are_timed(bench):
    encode = measure(bench, Cell(what="encode", seconds=0.5, batch=2))
    assert encode[OWN].equal is None
    assert encode["same"].equal == 1.0
    assert encode["off"].equal == pytest.approx(0.99, abs=0.003)
    assert encode["broken"].note == "failed: RuntimeError: no kernel for this"
    assert encode[OWN].audio == 1.0
    assert encode[OWN].runs >= 2
    decode = measure(bench, Cell(what="decode", seconds=0.5, batch=2))
    assert decode["same"].difference == 0
    assert decode["off"].difference == pytest.approx(0.01, rel=0.05)
    assert decode["off"].typical < decode["off"].difference
    assert decode["broken"].difference == math.inf
    rows = {
        (row.implementation, row.what): row
        for row in _rows("fake", {Cell(what="encode", seconds=0.5, batch=2): encode})
    }
    assert (rows["same", "encode"].match, rows["off", "encode"].match) == (True, False)
    assert rows["same", "encode"].ratio == encode["same"].seconds / encode[OWN].seconds
    assert rows["off", "encode"].ratio is None
    assert rows[OWN, "encode"].realtime == pytest.approx(1 / encode[OWN].seconds)


def test_what_would_take_too_long_is_left_out(bench):
    bench = replace(bench, settings=replace(bench.settings, cell_seconds=1e-6))
    figure = measure(bench, Cell(what="encode", seconds=0.5))[OWN]
    assert figure.seconds is None
    assert figure.note.startswith("skipped: about 0 s a run foreseen, the limit is 1e-06 s")


def test_streams_are_heard_from_their_first_sound_on(bench):
    figure = measure(bench, Cell(what="stream", seconds=0.0))[OWN]
    assert (figure.first_frames, figure.audio) == (1, 0.02)
    assert figure.difference < 1e-6
    assert figure.runs == 19
    bench.codec.lookahead_frames = 1 << 30
    assert measure(bench, Cell(what="stream", seconds=0.0))[OWN].note == "it cannot stream: all sound comes at the end"


def test_memory_is_taken_of_the_clip_and_of_a_long_file_cut_to_the_limits(bench):
    memory = Memory(bench, OWN)
    figures = {cell.what: memory.measure(cell) for cell in memory_cells(bench.settings)}
    assert all(figure.nbytes is not None and figure.seconds for figure in figures.values())
    assert figures["long encode"].audio == 2.0
    short = replace(bench, settings=replace(bench.settings, cell_seconds=1e-9))
    memory = Memory(short, OWN)
    memory.measure(Cell(what="encode memory", seconds=0.5))
    assert memory.measure(Cell(what="long encode", seconds=60.0)).note.startswith("skipped: 1 min would take about")


def test_quality_is_not_said_of_random_weights_and_needs_recordings(bench, tmp_path):
    assert measure(replace(bench, random=True), Cell(what="quality"))[OWN].note == RANDOM
    empty = replace(bench, settings=replace(bench.settings, speech=str(tmp_path)))
    assert "no recordings under" in measure(empty, Cell(what="quality"))[OWN].note
    for name in ("a/1.wav", "a/2.wav", "b/1.wav", "b/x.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = [str(path.relative_to(tmp_path)) for path in recordings(tmp_path, 0)]
    assert found == ["a/1.wav", "b/1.wav", "a/2.wav"]
    assert len(recordings(tmp_path, 2)) == 2


def test_differences_of_silence_and_nan_are_infinite():
    assert difference(torch.zeros(1, 5), torch.zeros(1, 5)) == math.inf
    assert difference(torch.ones(1, 5), torch.ones(1, 4)) == math.inf
    assert difference(torch.ones(1, 2), torch.tensor([[1.0, 2.0]])) == 0.5


def test_a_voice_is_equal_for_all_and_repeats_itself_when_long():
    first = voice(25.0, 1000, seed=1)
    assert torch.equal(first, voice(25.0, 1000, seed=1))
    assert torch.equal(first[:5000], first[20000:])
    assert not torch.equal(first, voice(25.0, 1000, seed=2))
    assert float(first.abs().max()) < 1


def test_the_report_tells_every_codec_and_why_something_is_missing(bench, settings, tmp_path):
    figures = {cell: measure(bench, cell) for cell in shared_cells(settings)}
    figures[Cell(what="quality")] = {OWN: Figure(note=RANDOM)}
    facts = {"sample_rate": 16000, "hop": 320, "levels": 4, "codebook_size": 32, "random": True,
             "why_random": "nothing is cached", "weights_hash": "0", "options": {}, "lookahead": 0}  # fmt: skip
    notes = {OWN: "", "same": "", "absent": "the package is missing"}
    measured = [Measured(codec="fake", facts=facts, notes=notes, rows=_rows("fake", figures))]
    report = CodecReport(measured=measured, settings=settings, facts={"cores": 2})
    text = report.text()
    assert "fake, absent: the package is missing" in text
    assert "fake: random weights, because nothing is cached" in text
    assert RANDOM in text
    paths = report.save(tmp_path)
    assert json.loads(paths[0].read_text())["codecs"][0]["bits_per_second"] == 1000
    assert "| fake | same | encode, 2 × 0.5 s |" in paths[1].read_text()
    draw(tmp_path / "codec.png", "title", measured)
    assert (tmp_path / "codec.png").stat().st_size > 1000


class Registry:
    def select(self, kind, name):
        raise UserError(f"there is no {kind} '{name}'")

    def entries(self, kind):
        return []


def test_codecs_are_found_or_refused():
    with pytest.raises(UserError, match="no codec 'x'"):
        candidates_of(Registry(), "codec", ["x"], "cpu")
    with pytest.raises(UserError, match="no usable codec"):
        candidates_of(Registry(), "codec", [], "cpu")
