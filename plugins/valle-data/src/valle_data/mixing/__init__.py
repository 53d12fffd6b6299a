"""What training mixes with speech: noise, and sums of two sounds as codes."""
