"""What is said: sentences of a small grammar, of WordNet, or of a file."""
