"""Raw text without phonemes: characters, bytes, or the tokens of a trained tokenizer."""
