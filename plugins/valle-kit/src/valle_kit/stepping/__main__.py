"""Compile the decoding step now, so that no speech waits for it: `make setup` runs python -m valle_kit.stepping."""

from __future__ import annotations

import sys
from importlib.util import find_spec


def main() -> None:
    """Keep the compiled function on disk, where it is not kept yet; nothing without numba."""
    if find_spec("numba") is None:
        return
    from valle_kit.stepping import kernel

    if not kernel.is_kept():
        sys.stdout.write("compiling the decoding step, once on this machine: some seconds\n")
        sys.stdout.flush()
    kernel.compiled()


if __name__ == "__main__":
    main()
