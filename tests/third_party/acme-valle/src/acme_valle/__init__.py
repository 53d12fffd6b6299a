"""A retention backbone and eta sampling for valle."""
