"""Makes plugin packages from the templates beside it: names, files."""
