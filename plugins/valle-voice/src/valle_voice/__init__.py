"""The voice of valle: two checkpoints, twelve saved prompts, and how they are stored in few bytes."""
