"""English recognition and alignment by pocketsphinx, whose models come with its wheel."""
