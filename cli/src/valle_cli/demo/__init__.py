"""The demo: train, synthesize, and a recognizer's verdict with its controls."""
