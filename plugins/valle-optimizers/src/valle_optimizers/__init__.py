"""Optimizers and learning-rate schedules of kept libraries, by name."""
