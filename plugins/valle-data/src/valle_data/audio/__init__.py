"""What preparation does to sound: speech activity, pieces, loudness."""
