"""The codec language model: embeddings, heads and the rows they read."""
