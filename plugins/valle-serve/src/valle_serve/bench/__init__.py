"""`valle bench serve`: clients that measure a server of speech."""
