"""espeak-ng for valle: phoneme frontend and synthetic corpus."""
