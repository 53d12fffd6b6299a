"""From recordings to datasets, and what looks into datasets: the data wing of valle."""
