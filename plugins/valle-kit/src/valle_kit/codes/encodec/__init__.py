"""EnCodec 24 kHz for the codecs built on it: its networks as layers, the names and the sources of its weights."""
