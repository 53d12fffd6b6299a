"""The core of valle: contracts, registry, model, training and synthesis for codec language models."""
