"""Several frames a step: draft heads, LayerSkip, grouped codes."""
