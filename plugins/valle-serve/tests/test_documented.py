"""The page docs/serve.md names every field, address, format and model that there is."""

from __future__ import annotations

import re
from pathlib import Path

from valle_serve.app import make_app
from valle_serve.dialect import MODELS, SpeechBody
from valle_serve.encoding import MEDIA

PAGE = Path(__file__).parents[3] / "docs" / "serve.md"


def test_every_field_stands_in_the_table():
    text = PAGE.read_text(encoding="utf-8")
    fields = re.findall(r"^\| `(\w+)` \|", text, re.M)
    assert sorted(fields) == sorted(SpeechBody.model_fields)
    row = next(line for line in text.splitlines() if line.startswith("| `response_format` |"))
    assert all(f"`{form}`" in row for form in MEDIA)
    assert all(f"`{name}`" in text for name in MODELS)


def test_every_address_stands_in_the_table(tones):
    text = PAGE.read_text(encoding="utf-8")
    for path, methods in make_app(tones).openapi()["paths"].items():
        for method in methods:
            assert f"`{method.upper()} {path}`" in text or f"`{path}`" in text or f" {path}`" in text, (method, path)
