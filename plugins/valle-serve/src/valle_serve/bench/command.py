"""`valle bench serve`: the command, to be read downwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from valle_core.api import CommandContext, CommandResult, Schema, Section, UserError, write_text

if TYPE_CHECKING:
    from valle_serve.bench.running import Server


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What is measured.

    Attributes:
        url: address of a running server; left out: one is started with the model that is named
        model: run, checkpoint or voice box of the server that is started; left out: the installed voice
        api_key_file: text file whose first line is the key that is sent
        clients: clients at once; repeat for several: 1, 2, 8, 32 if left out
        requests: requests at each number of clients; 0: two for each client, at least 4
        minutes: soak: the largest number of clients (4 if none is given) for so many minutes
        voice: voice that speaks; left out: the first
        out: JSON file to write the figures to
    """

    url: str = ""
    model: str = ""
    api_key_file: Path | None = None
    clients: tuple[int, ...] = ()
    requests: int = 0
    minutes: float = 0.0
    voice: str = ""
    out: Path | None = None

    def __post_init__(self) -> None:
        for count in self.clients:
            if not 1 <= count <= 1000:
                raise UserError(f"clients must be in [1, 1000], got {count}")
        if not 0 <= self.requests <= 100_000:
            raise UserError(f"requests must be in [0, 100000], got {self.requests}")
        if not 0 <= self.minutes <= 10_000:
            raise UserError(f"minutes must be in [0, 10000], got {self.minutes:g}")
        if self.url and not self.url.startswith(("http://", "https://")):
            raise UserError(f"url must begin with http:// or https://, got {self.url!r:.80}")
        if self.url and self.model:
            raise UserError("--url names a server that runs, --model one that is started; give one of them")


SCHEMA = Schema(sections=(Section("bench", Options, flat=True, help="Options"),))


def bench(context: CommandContext) -> CommandResult:
    """Measure a server with 1, 2, 8 and 32 clients: requests per second, first audio, streams without a stall.

    Each client asks for speech of a few sentences as pcm, reads it as it comes, and asks again. A stream has stalled if
    all that came was played before more came. With --minutes it is a soak, which fails if a request was lost or the
    server's memory kept growing.
    """
    from valle_serve.bench.measuring import measure, soak
    from valle_serve.bench.report import soak_row, soak_table, table

    own: Options = context.options("bench")
    with server_of(own) as server:
        if own.minutes:
            with context.progress("minute") as bar:
                taken, memory = soak(server, max(own.clients, default=4), own.minutes, own.voice, bar.move)
            row = soak_row(taken, memory, own.minutes)
            facts, text, code = {"soak": row}, soak_table(row), 0 if row["lost"] == 0 and row["bounded"] else 1
        else:
            with context.progress("request") as bar:
                rows = measure(server, own.clients or (1, 2, 8, 32), own.requests, own.voice, bar.move)
            facts, text, code = {"clients": rows}, table(rows), 1 if any(row["lost"] for row in rows) else 0
        facts = {**facts, "machine": server.machine()}
    if own.out is not None:
        write_text(own.out, json.dumps(facts, indent=1, allow_nan=False) + "\n")
    return CommandResult(text=text, facts=facts, code=code)


@contextmanager
def server_of(own: Options) -> Iterator[Server]:
    """The server that is named, or one that is started and stopped again."""
    from valle_serve.bench.running import Server, started

    key = ""
    if own.api_key_file is not None:
        try:
            key = own.api_key_file.read_text(encoding="utf-8").split("\n")[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise UserError(f"--api-key-file {own.api_key_file} cannot be read ({why}); give a text file") from None
    if own.url:
        yield Server(own.url.rstrip("/").removesuffix("/v1"), key)
    else:
        with started(own.model) as server:
            yield server
