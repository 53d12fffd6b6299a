"""A server of speech whose address answers as OpenAI's does, and a page to try it."""
