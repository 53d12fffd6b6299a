"""Codec `vocos`: the codes of EnCodec, decoded by Vocos, for valle."""
