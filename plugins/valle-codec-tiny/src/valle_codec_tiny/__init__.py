"""The built-in codecs of valle: `tiny` (neural) and `mel-gl` (the baseline), with their trainer."""
