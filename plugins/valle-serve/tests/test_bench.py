"""`valle bench serve`: what its clients measure, and what its report makes of it."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from valle_serve.bench.command import Options
from valle_serve.bench.measuring import Taken, take
from valle_serve.bench.report import quantile, row_of, soak_row, soak_table, table

from valle_core.api import UserError


def taken_from(parts: list[bytes | float], status: int = 200) -> Taken:
    """What a client makes of a server that sends these bytes, and waits so many seconds between them."""

    async def body():
        for part in parts:
            if isinstance(part, float):
                await asyncio.sleep(part)
            else:
                yield part

    async def ask() -> Taken:
        transport = httpx2.MockTransport(lambda request: httpx2.Response(status, content=body()))
        async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
            return await take(client, "text", "")

    return asyncio.run(ask())


def test_a_stream_stalls_when_all_that_came_was_played():
    tenth = bytes(4800)
    assert taken_from([tenth, 0.2, tenth]).stalled
    smooth = taken_from([tenth * 30, 0.05, tenth])
    assert not smooth.stalled
    assert smooth.audio == pytest.approx(3.1)
    assert taken_from([0.05, tenth]).first >= 0.05


def test_what_did_not_come_whole_is_lost_with_the_reason():
    assert taken_from([b"{}"], status=503).lost == "status 503"
    assert taken_from([]).lost == "no speech"


def test_figures_are_of_the_requests_that_came_whole():
    taken = [Taken(first=0.1 * number, total=1, audio=2.0, stalled=number == 1) for number in range(1, 5)]
    row = row_of([*taken, Taken(lost="status 503")], 2.0)
    assert row == {
        "requests": 5, "lost": 1, "reasons": {"status 503": 1}, "requests_per_second": 2.0, "first_audio_p50": 0.2,
        "first_audio_p99": 0.4, "without_stall": 0.75, "audio_per_second": 4.0,
    }  # fmt: skip
    assert "75%" in table([{"clients": 2, **row}])
    assert quantile([], 0.5) == 0.0
    assert row_of([], 1.0)["without_stall"] == 0.0


@pytest.mark.parametrize(("end", "bounded"), [(500.0, True), (545.0, True), (600.0, False)])
def test_a_soak_notices_memory_that_grows(end, bounded):
    memory = [(float(at), 100.0 if at < 5 else 500.0 + (end - 500.0) * at / 60) for at in range(61)]
    row = soak_row([Taken(first=0.1, total=1, audio=2)], memory, 1)
    assert row["bounded"] is bounded
    assert ("bounded" if bounded else "it grows") in soak_table(row)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"clients": (0,)}, "clients must be in [1, 1000], got 0"),
        ({"requests": -1}, "requests must be in [0, 100000], got -1"),
        ({"minutes": float("nan")}, "minutes must be in [0, 10000], got nan"),
        ({"url": "ftp://x"}, "url must begin with http:// or https://, got 'ftp://x'"),
        ({"url": "http://x", "model": "runs"}, "--url names a server that runs, --model one that is started"),
    ],
)
def test_options_out_of_range_are_refused(given, message):
    with pytest.raises(UserError) as refused:
        Options(**given)
    assert message in str(refused.value)
