"""Backbones `mamba` and `mamba2`: selective state spaces over Hugging Face's weights."""
