"""Looks over an installation: metadata, specs, hooks, defaults and the machine."""
