"""Building blocks of codecs: streams, windows, rows of unequal length, published weights."""
