"""Attention kernels: the eager reference and PyTorch's scaled dot product attention."""
