"""BitNet b1.58: a backbone, its linear layer as a rewrite of any backbone, and weights of two bits."""
