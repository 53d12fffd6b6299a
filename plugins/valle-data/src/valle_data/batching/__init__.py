"""Which utterances a training run reads together, epoch after epoch."""
