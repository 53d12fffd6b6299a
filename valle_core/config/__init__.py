"""Options from defaults, YAML, --set and flags, checked and with their origin in every error."""
