"""One decoding step of a backbone as a program that a single compiled function runs (numba)."""
