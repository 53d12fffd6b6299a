"""Recognizer `whisper`: Whisper for valle."""
