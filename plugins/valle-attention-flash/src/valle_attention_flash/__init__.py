"""FlashAttention's kernels for valle."""
