"""Sound on standard output while it is made."""

from __future__ import annotations

import inspect
import io
import threading
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from valle.streaming import SpeechChunk
from valle_cli.commands.synth import Options
from valle_cli.piped import UNFOLLOWED, half_the_threads, header, piped, refuse_the_rest, write_stream
from valle_core.plugin import UserError

GIVEN = {
    "text_file": Path("lines.txt"),
    "input": Path("speech.wav"),
    "replace": "old words",
    "input_text": "all that is said",
    "span": (0.5, 1.0),
    "out": Path("speech.wav"),
    "spectrogram": Path("speech.png"),
    "duration": 2.0,
}


def test_players_read_what_is_written_as_it_comes():
    out, seen = io.BytesIO(), []
    waves = [np.full(n, level, np.float32) for n, level in ((400, 0.5), (0, 0.0), (800, -2.0))]

    def chunks():
        for wave in waves:
            seen.append(out.tell())
            yield SpeechChunk(samples=wave, sample_rate=16_000, start=0.0, text="", last=False)

    assert write_stream(chunks(), 16_000, out) == pytest.approx(1200 / 16_000)
    assert seen == [44, 844, 844]
    out.seek(0)
    samples, rate = soundfile.read(out, dtype="float32")
    assert rate == 16_000
    np.testing.assert_allclose(samples, np.concatenate(waves).clip(-1, 1), atol=1e-4)
    assert len(header(16_000)) == 44


@pytest.mark.parametrize("name", GIVEN)
def test_an_option_that_a_stream_would_not_follow_is_refused(name):
    with pytest.raises(UserError, match=f"leave --{name.replace('_', '-')} out"):
        refuse_the_rest(Options(text="hello", stream=True, **{name: GIVEN[name]}), json=False)


def test_a_stream_follows_or_refuses_every_option():
    followed = inspect.getsource(piped)
    elsewhere = {"stream", "voices", "list_voices"}
    forwarded = {one.name for one in fields(Options) if f"own.{one.name}" in followed}
    assert {one.name for one in fields(Options)} == forwarded | set(UNFOLLOWED) | elsewhere


def test_level_0_and_the_windows_share_the_cores():
    before, seen = torch.get_num_threads(), []
    torch.set_num_threads(4)
    try:
        with suppress(BrokenPipeError), half_the_threads():
            thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
            thread.start()
            thread.join()
            seen.append(torch.get_num_threads())
            raise BrokenPipeError
        assert (seen, torch.get_num_threads()) == ([2, 2], 4)
    finally:
        torch.set_num_threads(before)
