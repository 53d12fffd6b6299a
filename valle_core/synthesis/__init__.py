"""Text and a prompt become codes, and codes become sound."""
