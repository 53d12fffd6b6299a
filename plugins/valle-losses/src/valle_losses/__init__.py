"""Further losses of `valle train`, by name, and a checkpoint with fewer layers to distil into."""
