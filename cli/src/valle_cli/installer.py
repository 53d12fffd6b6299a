"""Runs pip, or uv where there is no pip, on this interpreter."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from valle_core.plugin import UserError

Action = Literal["install", "uninstall"]


@dataclass(frozen=True, slots=True)
class Installer:
    """What changes the installation.

    Attributes:
        name: `"pip"` or `"uv"`.
        program: the words before `install` and `uninstall`.
    """

    name: Literal["pip", "uv"]
    program: tuple[str, ...]

    def command(self, action: Action, targets: Sequence[str], more: Sequence[str] = ()) -> list[str]:
        """The whole command line; asks no questions. `more` is handed on as it is."""
        if self.name == "uv":
            return [*self.program, action, "--python", sys.executable, *more, *targets]
        asked = ["--yes"] if action == "uninstall" else []
        return [*self.program, action, "--disable-pip-version-check", *asked, *more, *targets]


def find_installer() -> Installer:
    """The pip of this interpreter, else uv. Raises `UserError` when neither is there."""
    if importlib.util.find_spec("pip") is not None:
        return Installer("pip", (sys.executable, "-m", "pip"))
    if uv := shutil.which("uv"):
        return Installer("uv", (uv, "pip"))
    if importlib.util.find_spec("uv") is not None:
        return Installer("uv", (sys.executable, "-m", "uv", "pip"))
    raise UserError(
        f"neither pip nor uv is there to change this installation ({sys.executable}). "
        "Get pip with: python -m ensurepip, or uv from https://docs.astral.sh/uv"
    )


def carry_out(command: Sequence[str], *, yes: bool, must_ask: str = "") -> bool:
    """Show a command and run it; all of that goes to stderr, so that stdout stays for results.

    Args:
        command: what to run.
        yes: run it without asking.
        must_ask: why it is not run where nobody can be asked; "" runs it there.

    Returns:
        False when the user said no.

    Raises:
        UserError: nobody can be asked, or the command failed.
    """
    print(f"$ {shlex.join(command)}", file=sys.stderr, flush=True)
    if not yes:
        if sys.stdin is not None and sys.stdin.isatty():
            if not _agreed():
                print("nothing was changed", file=sys.stderr)
                return False
        elif must_ask:
            raise UserError(
                f"{must_ask}, and this is not a terminal, so nobody can be asked. "
                "Add --yes to go on, or --dry-run to see it"
            )
    done = subprocess.run(list(command), check=False, stdout=2)
    if done.returncode:
        raise UserError(f"`{shlex.join(command)}` ended with exit code {done.returncode}; what it says is above")
    return True


def _agreed() -> bool:
    print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    try:
        return input().strip().lower() in ("y", "yes")
    except EOFError:
        return False
