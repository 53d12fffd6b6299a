"""Codec codes: checks, identities and hashes."""
