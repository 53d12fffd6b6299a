"""Codec `encodec`: EnCodec 24 kHz for valle."""
