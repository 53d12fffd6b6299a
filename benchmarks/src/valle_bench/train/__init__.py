"""`valle bench train`: training steps beside the trainer of another library."""
