"""The folder that an export writes: it appears whole or not at all, and nothing that is there is replaced."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from valle_core.api import UserError


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """An empty folder to fill, which becomes `out`; on any failure it is removed.

    Raises:
        UserError: there is something already, or the disk refuses.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UserError(f"{out} is there already. Choose another --out, or remove it first")
    writing = out.with_name(f".{out.name}.writing-{os.getpid()}")
    try:
        writing.mkdir(parents=True)
        yield writing
        for path in writing.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)  # safetensors writes for the owner alone
        os.replace(writing, out)
    except (OSError, SafetensorError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"cannot write {out}: {why}. Nothing was left there; choose another place") from error
    finally:
        shutil.rmtree(writing, ignore_errors=True)
