"""Backbone `llama`: Hugging Face's LLaMA over the same weights."""
