"""Speech of many voices with the times of every phoneme, from several synthesizers."""
