"""Folders of Hugging Face models: read as data, written so that transformers reads them."""
