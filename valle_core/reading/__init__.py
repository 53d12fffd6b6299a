"""Reading files that somebody else may have made or damaged."""
