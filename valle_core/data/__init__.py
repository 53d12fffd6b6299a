"""Datasets of prepared utterances: storage, splits and batching."""
