"""The ways in which folders of recordings are laid out: one file each, one row each in `known.py`."""
