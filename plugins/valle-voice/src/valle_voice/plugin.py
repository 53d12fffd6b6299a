"""What this distribution announces in the group `valle.voices`: the folder of its model."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "model"
"""`voice.json`, `voices.safetensors`, and the checkpoints `ar` and `nar`; empty in a build without weights."""
