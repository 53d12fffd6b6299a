"""`fused`: flash attention in Triton for causal, full, prefix, windowed and packed rows."""
