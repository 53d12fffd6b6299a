"""Codec `dac`: the Descript Audio Codec for valle."""
