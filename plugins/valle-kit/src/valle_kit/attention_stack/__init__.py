"""What backbones with attention share: the stack around their layers, rotary positions, a LLaMA-like layer."""
