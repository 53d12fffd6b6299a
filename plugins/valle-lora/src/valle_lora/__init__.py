"""LoRA on any backbone: a rewrite, and commands that begin, save, apply and merge adapters."""
