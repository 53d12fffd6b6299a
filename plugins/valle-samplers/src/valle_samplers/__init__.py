"""Token samplers, one small frozen dataclass per file; found through the entry points of `valle.sampler`."""
