"""What preparation does to sound: speech activity, chunks, loudness."""
