"""The `transformer` backbone."""
