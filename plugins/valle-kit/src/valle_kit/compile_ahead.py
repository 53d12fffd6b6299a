"""`valle compile`: what an installation by pip leaves to the first speech, done beforehand."""

from __future__ import annotations

import time
from importlib.util import find_spec

from valle_core.api import CommandContext, CommandResult, Schema
from valle_core.plugin import UserError

SCHEMA = Schema()


def compile_step(context: CommandContext) -> CommandResult:
    """Compile the decoding step on this machine's processor, for this user, and keep it on disk.

    Raises `UserError` where there is nothing that compiles, or nowhere to keep it.
    """
    if find_spec("numba") is None:
        raise UserError("the decoding step is compiled by numba, which is not installed: pip install numba")
    try:
        from valle_kit.stepping import kernel
    except ImportError as error:  # numba refuses a numpy it does not know
        raise UserError(f"numba cannot be used: {error}") from error
    if kernel.is_kept():
        return CommandResult(text="the decoding step is compiled already", facts={"compiled": False, "seconds": 0.0})
    context.note("compiling the decoding step: about ten seconds of an idle core")
    begun = time.perf_counter()
    kernel.compiled()
    seconds = round(time.perf_counter() - begun, 1)
    if not kernel.is_kept():
        raise UserError(
            "the decoding step cannot be kept: neither the package's folder nor the user's cache can be written. "
            "Name a folder: NUMBA_CACHE_DIR=FOLDER valle compile, and the same before valle synth"
        )
    return CommandResult(text=f"compiled in {seconds:g} s", facts={"compiled": True, "seconds": seconds})
