"""How each language writes numbers, units and abbreviations: one file per language."""
