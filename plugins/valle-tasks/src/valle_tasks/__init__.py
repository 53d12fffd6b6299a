"""Tasks of valle, one file each; found through the entry points of `valle.task`."""
