"""Backbone `mixtral`: Hugging Face's mixture of experts over the core's masks and cache."""
