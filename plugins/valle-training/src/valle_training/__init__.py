"""What accompanies a training run: whether the model reads its text."""
