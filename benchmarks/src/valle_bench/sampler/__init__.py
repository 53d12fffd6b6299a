"""`bench sampler`: cost of a step of every sampler, beside the reference it replaces."""
