"""Level 0 of a model as one `LlamaForCausalLM` over one vocabulary, and back."""
