"""Text before it becomes phonemes: written forms, sentences, languages."""
