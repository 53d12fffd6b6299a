"""Backbones `retnet` and `retnet-hf`: retention over torchscale's weights."""
