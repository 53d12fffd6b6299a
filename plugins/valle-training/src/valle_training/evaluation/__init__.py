"""What a model makes of utterances that its training never sees: losses, speech and pictures of it."""
