"""`bench arch`: every backbone at equal sizes and at equal parameter counts, beside the library it replaces."""
