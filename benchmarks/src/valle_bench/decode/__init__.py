"""`valle bench decode`: decoding beside the libraries it replaces, as the plugins' own cases measure it."""
