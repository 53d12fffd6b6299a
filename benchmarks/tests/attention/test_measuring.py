"""Kernels are held to float64 before they are timed; what cannot run says why."""

from __future__ import annotations

import csv
import io
import json
import time
from dataclasses import replace

import pytest
import torch

from valle_bench.attention import cells as measuring
from valle_bench.attention.cells import Bench, Pace, measure
from valle_bench.attention.dense import DenseMask
from valle_bench.attention.kernels import Kernel, names_of
from valle_bench.attention.older import read_older
from valle_bench.attention.plot import draw
from valle_bench.attention.presets import Shapes
from valle_bench.attention.run import Result, key, rows_of
from valle_bench.attention.settings import Settings
from valle_bench.attention.tables import AttentionReport
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry

FORMS = ("causal", "full", "prefix", "mixed", "window", "packed")
SIZES = {"lengths": (9,), "heads": 4, "kv_heads": (2,), "head_widths": (8,), "batches": (3,), "shares": (0.6,)}
SHAPES = Shapes(**SIZES, forms=FORMS, window=4)
CELLS = list(SHAPES.cells())
STEP = next(Shapes(**SIZES, forms=("causal",), directions=("decode",)).cells())
MIXED = next(cell for cell in CELLS if cell.form == "mixed" and cell.direction == "forward")
SETTINGS = Settings(repeats=1)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(measuring, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(measuring, "PROBES", 1)


def bench(settings=SETTINGS, **kernels) -> Bench:
    return Bench({name: one if isinstance(one, Kernel) else Kernel(one) for name, one in kernels.items()}, settings)


def measured(cell, without=(), settings=SETTINGS, **kernels):
    return measure(bench(settings, **kernels), cell, without, lambda implementation: None)


@pytest.mark.parametrize("cell", [*CELLS, STEP], ids=str)
def test_a_right_kernel_matches_in_every_form_and_direction(cell):
    figure = measured(cell, right=DenseMask())["right"]
    assert figure.error < 1e-5
    assert figure.seconds > 0
    assert figure.runs == 1
    assert figure.note == ""
    assert figure.clock == ("processor" if torch.get_num_threads() == 1 else "wall")


def sleepy(q, k, v, mask, *, scale=None):
    time.sleep(0.05)
    return DenseMask()(q, k, v, mask)


def test_one_thread_is_timed_by_what_it_computes_and_several_by_the_wall(monkeypatch):
    found = {}
    for threads in (1, 2):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        found[threads] = measured(MIXED, sleepy=sleepy)["sleepy"]
    assert (found[1].clock, found[2].clock) == ("processor", "wall")
    assert found[1].seconds < 0.05 <= found[2].seconds


def late(q, k, v, mask, *, scale=None):
    """Prefixes are one key too short."""
    return DenseMask()(q, k, v, replace(mask, prefix=(mask.prefix - 1).clamp(min=0), form="mixed"))


def constant(q, k, v, mask, *, scale=None):
    """Right, but its gradients are not."""
    return DenseMask()(q, k.detach(), v, mask) + 0 * k.sum()


def test_wrong_results_and_wrong_gradients_are_no_match_and_have_no_ratio():
    backward = replace(MIXED, direction="backward")
    found = measured(backward, eager=DenseMask(), late=late, constant=constant)
    rows = {row.kernel: row for row in rows_of(backward, found, {})}
    assert [rows[name].match for name in ("eager", "late", "constant")] == [True, False, False]
    assert rows["late"].times_eager is rows["late"].of_best is None
    assert rows["eager"].times_eager == rows["eager"].of_best == 1.0
    assert measured(MIXED, constant=constant)["constant"].error < 1e-5


def refusing(q, k, v, mask, *, scale=None):
    raise UserError("attention 'refusing' takes no mask like this")


def failing(q, k, v, mask, *, scale=None):
    raise AssertionError("no kernel for this")


def test_what_refuses_or_fails_is_named_and_the_others_are_measured():
    half = Kernel(DenseMask(), dtypes=("bfloat16",))
    figures = measured(MIXED, refusing=refusing, failing=failing, half=half, right=DenseMask(), dead=failing,
                       without=("dead",))  # fmt: skip
    assert figures["refusing"].note == "cannot run: attention 'refusing' takes no mask like this"
    assert figures["failing"].note == "failed: AssertionError: no kernel for this"
    assert figures["half"].note == "does not run in float32"
    assert figures["right"].seconds
    assert "dead" not in figures


def test_a_broken_device_ends_the_process_so_that_the_runner_goes_on_in_another():
    def broken(*given, **more):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match="illegal memory access"):
        measured(MIXED, broken=broken)


def test_each_call_brings_a_mask_of_its_own():
    seen = []

    def watching(q, k, v, mask, *, scale=None):
        seen.append(mask)
        return DenseMask()(q, k, v, mask)

    measured(MIXED, watching=watching)
    assert len({id(mask) for mask in seen}) == len(seen) > 3


def test_a_run_that_would_take_too_long_or_too_much_is_left_out_and_says_so(monkeypatch):
    made = bench(eager=DenseMask())
    made.pace["eager", "forward"] = Pace(seconds=1.0)
    note = measure(made, MIXED, (), lambda implementation: None)["eager"].note
    assert note.endswith("s a run foreseen, the limit is 10 s")
    made.pace["eager", "forward"] = Pace(nbytes=2.0**30)
    monkeypatch.setattr(measuring, "free_memory", lambda: 2**30)
    assert "GiB foreseen, 1.0 GiB are free" in measure(made, MIXED, (), lambda implementation: None)["eager"].note


def test_cells_behind_the_time_limit_are_named():
    made = replace(bench(replace(SETTINGS, max_seconds=5.0), eager=DenseMask()), begun=-1e9)
    note = measure(made, MIXED, (), lambda implementation: None)["eager"].note
    assert note == "skipped: the time of the run is over"
    page = AttentionReport(rows=[Result(kernel="eager", cell=MIXED, note=note)], settings=SETTINGS, peaks={}, facts={})
    assert page.sections() == []
    assert page.notes() == [f"{MIXED}: {note}"]


def test_a_kernel_that_is_slow_on_one_short_row_is_not_given_a_batch(monkeypatch):
    monkeypatch.setattr(measuring, "_own_seconds", lambda step: 1.0)
    wide = replace(MIXED, size=640, queries=640, lengths=(640,) * 3, prefix=(0,) * 3)
    settings = replace(SETTINGS, cell_seconds=5.0)
    assert measured(wide, settings=settings, slow=DenseMask())["slow"].note.startswith("skipped: about")


def test_the_worker_is_told_which_kernel_begins_alone():
    begun = []
    measure(bench(one=DenseMask(), two=DenseMask()), MIXED, ("one",), begun.append)
    assert begun == ["two", ""]


@pytest.fixture
def page():
    peaks = {"flops": {"float32": 1e9}, "bandwidth": 1e9}
    rows = []
    for size in (9, 18):
        for cell in Shapes(lengths=(size,), forms=("causal",), heads=2, head_widths=(8,), batches=(2,)).cells():
            found = measured(cell, eager=DenseMask(), late=refusing)
            rows += rows_of(cell, found, peaks, against="eager", before={key("eager", cell): 1.0})
    rows.append(Result(kernel="gone", cell=None, note="needs cuda, found cpu"))
    return AttentionReport(rows=rows, settings=SETTINGS, peaks=peaks, against="eager", facts={"cores": 2})


def test_the_page_has_a_row_for_what_cannot_run(page):
    forward, backward = page.sections()
    assert forward.title == "Forward pass"
    lines = [line.split() for line in forward.text().splitlines()]
    assert [next(word for word in line if word in ("eager", "late")) for line in lines[1:]] == [
        "eager",
        "late",
        "eager",
        "late",
    ]
    assert "cannot run: attention 'refusing' takes no mask like this" in page.text()
    assert "gone: needs cuda, found cpu" in page.markdown()
    assert {"× eager", "× before"} <= {column.title for column in backward.columns}


def test_json_is_strict_csv_has_every_row_and_both_pictures_are_drawn(page, tmp_path):
    paths = page.save(tmp_path)
    saved = json.loads(paths[0].read_text(), parse_constant=lambda word: pytest.fail(word))
    right = next(row for row in saved["rows"] if row["match"])
    assert {"tflops", "peak_share", "gbps", "bandwidth_share", "nbytes", "times_eager", "of_best"} <= set(right)
    assert right["lengths"] == [9, 9]
    lines = list(csv.DictReader(io.StringIO(paths[2].read_text())))
    assert len(lines) == len(page.rows)
    assert lines[0]["lengths"] == "9 9"
    for dark in (False, True):
        draw(tmp_path / "a.png", "t", page.rows, dark=dark)
        assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    draw(tmp_path / "nothing.png", "t", [])


def test_an_older_result_is_read_back_and_another_file_is_refused(page, tmp_path):
    (path, *_) = page.save(tmp_path)
    older = read_older(path)
    own = [row for row in page.rows if row.kernel == "eager"]
    assert older == {key("eager", row.cell): row.seconds for row in own}
    for text, message in (
        ("{", "is not a result"),
        ('{"rows": [1]}', "is not a result"),
        ('{"rows": []}', "holds no figure"),
    ):
        path.write_text(text)
        with pytest.raises(UserError, match=message):
            read_older(path)
    with pytest.raises(UserError, match="cannot be read"):
        read_older(tmp_path / "absent.json")


def test_kernels_are_found_by_being_installed_and_the_others_have_a_reason():
    usable, left = names_of(Registry.open(), [], "cpu")
    assert usable[0] == "eager"
    assert {"sdpa", "math", "flash"} <= set(usable)
    assert left["default"] == "another name of eager"
    assert left["cudnn"] == "needs cuda, found cpu"
    assert names_of(Registry.open(), ["sdpa"], "cpu") == (["eager", "sdpa"], {})
    assert names_of(Registry.open(), ["default"], "cpu")[0] == ["eager", "default"]
    with pytest.raises(UserError, match="there is no attention 'nobody'"):
        names_of(Registry.open(), ["nobody"], "cpu")


def test_cells_are_what_makes_two_figures_the_same():
    assert key("sdpa", MIXED) == key("sdpa", replace(MIXED))
    assert key("sdpa", MIXED) != key("sdpa", replace(MIXED, dtype="float16"))
    assert key("sdpa", MIXED) != key("eager", MIXED)


def test_peaks_are_positive(monkeypatch):
    from valle_bench.attention import peaks

    monkeypatch.setattr(peaks, "PRODUCT", {"cpu": 16})
    monkeypatch.setattr(peaks, "COPY", {"cpu": 4096})
    monkeypatch.setattr(peaks, "SECONDS", 0.0)
    found = peaks.peaks(torch.device("cpu"), ["float32"])
    assert found["flops"]["float32"] > 0
    assert found["bandwidth"] > 0
