"""An attention kernel for CPUs: flash attention compiled by numba, with vectors as wide as the machine's."""
