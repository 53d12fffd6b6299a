"""The command line `valle`."""
