"""An attention kernel for valle over PyTorch's FlexAttention."""
