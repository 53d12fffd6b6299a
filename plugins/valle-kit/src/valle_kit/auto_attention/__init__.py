"""The attention kernel `auto`: one of the others, chosen for what it is given."""
