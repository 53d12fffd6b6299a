"""`valle control`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valle_core.api import CommandContext, CommandResult, Schema, Section, UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlOptions:
    """Which run is told what.

    Attributes:
        run: folder of a run that trains on this machine
        words: status, save, quit, eval, export, lr X or help
        timeout: seconds to wait until it is done
    """

    run: Path
    words: tuple[str, ...] = ("status",)
    timeout: float = 600.0

    def __post_init__(self) -> None:
        if not 0 < self.timeout <= 86_400:
            raise UserError(f"--timeout must be in (0, 86400], got {self.timeout:g}")


CONTROL_SCHEMA = Schema(
    sections=(Section("control", ControlOptions, flat=True, help="Options", positional=("run", "words")),)
)


def control(context: CommandContext) -> CommandResult:
    """Tell a run that trains on this machine what to do, and print its answer.

    status tells how far it is; save, quit (which saves first), eval, export and lr X are obeyed after the present step,
    by all processes of the run.
    """
    own: ControlOptions = context.options("control")
    answer = ask(own.run, " ".join(own.words), own.timeout)
    if not answer["ok"]:
        raise UserError(answer["text"])
    return CommandResult(text=answer["text"], facts={"answer": answer["text"], **answer["facts"]})


def ask(run: Path, line: str, timeout: float) -> dict[str, Any]:
    """The answer of the process that trains a run: `ok`, `text`, `facts`.

    Raises:
        UserError: there is no such process, the line is none it could read, or no answer comes in time.
    """
    from valle_controls.address import connect
    from valle_controls.words import understood

    understood(line, lambda answer: None)
    with connect(run, timeout) as connection:
        try:
            connection.sendall(line.encode() + b"\n")
            with connection.makefile(encoding="utf-8") as answers:
                said = answers.readline()
        except TimeoutError:
            raise UserError(f"{run} did not answer within {timeout:g} s; what was asked may still be done") from None
        except OSError:
            said = ""
    if not said.endswith("\n"):
        raise UserError(f"{run} ended before it answered; see `valle runs`")
    return json.loads(said)
