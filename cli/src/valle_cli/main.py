"""Entry point of `valle`: finds the command, runs it, and turns errors into one line and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from valle_cli import streams
from valle_core.plugin import CommandSpec, UserError

if TYPE_CHECKING:
    from valle_core.registry.catalog import Entry
    from valle_core.registry.registry import Registry

GLOBAL_FLAGS = ("--debug", "--safe")
"""Accepted anywhere before a bare `--`; they belong to no command."""


def entry() -> None:
    """What the console script calls."""
    streams.prepare()
    share_cores()
    raise SystemExit(run(sys.argv[1:]))


def share_cores() -> None:
    """Let GNU OpenMP's threads, torch's among them, wait busily only for some microseconds before they sleep.

    By default they spin for milliseconds at the end of each operation, which takes the cores from whoever else has work
    and, beside other programs, from each other (docs/train.md#on-a-cpu-beside-other-work). The library reads this when
    it is loaded, so it comes before torch. What the user has set stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def run(argv: Sequence[str]) -> int:
    """Run one command line and return its exit code: 0 done, 2 the user can fix it, 130 interrupted."""
    words, flags = _take_global_flags(argv)
    debug = "--debug" in flags
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn  # one line, without the place in the source
            code = _dispatch(words, safe="--safe" in flags) or 0
        sys.stdout.flush()
        return code
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    except UserError as error:
        return _complain(str(error), 2, debug=debug)
    except KeyboardInterrupt as error:
        return _complain(f"interrupted {error}".strip(), 130, debug=debug)
    except BrokenPipeError:
        streams.abandon()  # the reader of our output went away
        return 141
    except OSError as error:
        if error.errno is None:
            return _unexpected(error, debug=debug)
        return _complain(_of_the_disk(error), 2, debug=debug)
    except Exception as error:
        return _unexpected(error, debug=debug)


def _unexpected(error: Exception, *, debug: bool) -> int:
    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    text = f"{_culprit(error)}{' '.join(reason.split())} (unexpected; --debug shows the traceback)"
    return _complain(text, 1, debug=debug)


_FIXES = {
    errno.ENAMETOOLONG: "Choose a shorter name",
    errno.EACCES: "Change its permissions, or choose another place",
    errno.EPERM: "Change its permissions, or choose another place",
    errno.EROFS: "Choose another place",
    errno.ENOSPC: "Free some and run again",
    errno.EDQUOT: "Free some and run again",
}


def _of_the_disk(error: OSError) -> str:
    """What the system refused, e.g. a name that is too long or a folder that may not be read, in one line."""
    name = f"'{error.filename}': " if error.filename is not None else ""
    reason = (error.strerror or os.strerror(error.errno or 0)).lower()
    return " ".join(f"{name}{reason}. {_FIXES.get(error.errno or 0, 'Check the path and its disk')}".split())


def _culprit(error: Exception) -> str:
    from valle_cli.blame import culprit

    try:
        who = culprit(error)
    except Exception:  # the first error is the one to tell
        return ""
    return f"{who}: " if who else ""


def _warn(message: Warning | str, *place: object, **more: object) -> None:
    print(f"warning: {' '.join(str(message).split())}", file=sys.stderr)


def _complain(message: str, code: int, *, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    for line in message.splitlines():
        print(f"error: {line}", file=sys.stderr)
    return code


def _take_global_flags(argv: Sequence[str]) -> tuple[list[str], set[str]]:
    end = argv.index("--") if "--" in argv else len(argv)
    flags = {word for word in argv[:end] if word in GLOBAL_FLAGS}
    return [word for word in argv[:end] if word not in GLOBAL_FLAGS] + list(argv[end:]), flags


def _dispatch(words: list[str], *, safe: bool) -> int | None:
    from valle_cli import help as helping
    from valle_core.registry.registry import Registry

    if words and words[0] in ("--version", "-V"):
        return helping.version()
    registry = Registry.open(safe=safe)
    if words[:1] == ["help"] and words[1:]:
        words = [*words[1:], "--help"]
    if not words or words[0] in ("--help", "-h", "help"):
        return helping.root_help(registry)
    if words[0].startswith("-"):
        raise UserError(f"unknown option '{words[0]}'. See: valle --help")
    names = registry.names("command")
    in_group = words[0] not in names and any(name.startswith(f"{words[0]} ") for name in names)
    if in_group and words[1:] in ([], ["--help"], ["-h"]):
        return helping.group_help(words[0], registry)
    length = 2 if " ".join(words[:2]).rpartition(":")[2] in helping.command_names(registry) else 1
    entry = _command(words, length, registry)
    if entry.why:
        print(f"warning: command '{entry.name}': {entry.why}", file=sys.stderr)
    return _interpreted(entry, words[length:], registry)


def _command(words: list[str], length: int, registry: Registry) -> Entry:
    """The command that is meant. Raises `UserError` where there is none, or it cannot be used."""
    from valle_cli.help import refuse_unknown, to_install

    name = " ".join(words[:length])
    try:
        entry = registry.find("command", name)
    except UserError as error:
        if name in registry.names("command"):  # two plugins provide it
            raise
        raise refuse_unknown(words, registry) from error
    if entry.status == "not-installed":
        raise UserError(f"command '{name}' is not installed. Install it with: {to_install(entry)}")
    if entry.status != "ok":
        who = f"command '{name}' ({entry.owner})"
        raise UserError(f"{who} is {entry.status}: {entry.why}. Fix it with: {entry.hint}")
    return entry


def _interpreted(entry: Entry, argv: list[str], registry: Registry) -> int:
    from valle_cli.interpreter import interpret, opened
    from valle_cli.metadata import tolerated

    assert isinstance(entry.spec, CommandSpec)
    with tolerated():
        return interpret(opened(entry.spec, entry.owner), argv, registry)
