"""A phoneme pointer that stays or advances with each frame of speech."""
