"""Peak memory of encoding and decoding, of one implementation in a process that does nothing else."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from valle_bench.codec.cells import Bench
from valle_bench.codec.settings import OWN, Cell, Figure
from valle_bench.runner.limits import SPARE, PeakMemory, free_memory, held
from valle_bench.runner.turns import timed
from valle_core.plugin import UserError
from valle_core.registry.loading import one_line

LONG_LIMIT = 3.0
"""A long file may take this many times `cell_seconds`; one that would take longer is cut to what fits."""

WORTH = 2.0
"""A long file that has to be cut below this many times the usual clip is not measured at all."""


class Memory:
    """The memory cells of one implementation, in the order of `memory_cells`.

    Taken is what is resident at the peak beyond what was when the codec was loaded and warm; a clip that is read and
    what the allocator keeps from the cell before are not let count less than they do.
    """

    def __init__(self, bench: Bench, implementation: str) -> None:
        self._bench, self._implementation, self._model = bench, implementation, bench.implementations[implementation]
        self._codes: Tensor | None = None
        self._encode: Figure = Figure()
        wav = bench.wav(0.2)
        self._model.decode(self._model.encode(wav))
        gc.collect()
        self._loaded = held(bench.device)

    @torch.inference_mode()
    def measure(self, cell: Cell) -> Figure:
        """What this implementation takes in a cell."""
        if cell.what == "long encode":
            return self._long(cell.seconds)
        if cell.what == "decode memory":
            if self._codes is None:
                return Figure(note="skipped: there are no codes to decode")
            codes = self._codes
            return self._peak(lambda: self._model.decode(codes), cell.seconds, codes.nbytes)[0]
        foreseen = self._bench.pace.get((self._implementation, "encode"), 0.0) * cell.seconds
        if foreseen > LONG_LIMIT * self._bench.settings.cell_seconds:
            return Figure(note=f"skipped: about {foreseen:.0f} s foreseen")
        wav = self._bench.wav(cell.seconds)
        self._encode, self._codes = self._peak(lambda: self._model.encode(wav), cell.seconds, wav.nbytes)
        return self._encode

    def _long(self, seconds: float) -> Figure:
        """The long file, cut to what the limits allow."""
        before = self._encode
        if before.seconds is None or before.audio is None or before.nbytes is None:
            return Figure(note="skipped: the shorter clip was not encoded")
        limit = LONG_LIMIT * self._bench.settings.cell_seconds
        most, why = seconds, ""
        if (foreseen := before.seconds / before.audio * seconds) > limit:
            most = seconds * limit / foreseen
            why = f"{seconds / 60:g} min would take about {foreseen:.0f} s"
        wanted, free = before.nbytes / before.audio * seconds, free_memory()
        # Ours says that its memory is bounded, which is what is tried here.
        if self._implementation != OWN and free is not None and wanted > SPARE * free:
            most = min(most, seconds * SPARE * free / wanted)
            why = f"{seconds / 60:g} min would take about {wanted / 2**30:.1f} GiB"
        if most < min(seconds, WORTH * before.audio):
            return Figure(note=f"skipped: {why}")
        wav = self._bench.wav(round(most))
        figure, _ = self._peak(lambda: self._model.encode(wav), round(most), wav.nbytes)
        return replace(figure, note=f"cut to {round(most)} s: {why}") if why and not figure.note else figure

    def _peak(self, run: Callable[[], Tensor], audio: float, given: int) -> tuple[Figure, Tensor | None]:
        gc.collect()
        held(self._bench.device)
        peak = PeakMemory(self._bench.device, self._loaded + given)
        try:
            seconds, out = timed(run, self._bench.device)
        except (UserError, RuntimeError, MemoryError, ValueError) as error:
            return Figure(note=f"failed: {one_line(error)}"), None
        return Figure(seconds=seconds, runs=1, audio=audio, nbytes=peak.taken()), out
