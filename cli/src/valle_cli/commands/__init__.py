"""One file per command; `table.py` lists them."""
