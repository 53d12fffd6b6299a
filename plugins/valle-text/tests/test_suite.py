"""The frontend against the suite of the core: characters, bytes, tokens."""

from __future__ import annotations

from functools import cache

from valle_text.frontend import build
from valle_text.options import TextOptions
from valle_text.plugin import TEXT
from valle_text.training import train_tokenizer

from valle_testing import suite
from valle_testing.suites.frontend.texts import SYLLABLES, TEXTS

ROOTS = ("en", "de", "fr", "es", "it", "ja", "ko")


@cache
def trained() -> str:
    texts = [(TEXTS[root], root) for root in ROOTS]
    content, _ = train_tokenizer([*texts, (" ".join(SYLLABLES), "en")], size=200, options=TextOptions())
    return content


test_characters_conform = suite.conformance("frontend", lambda: build(TextOptions()), spec=TEXT)
test_bytes_conform = suite.conformance("frontend", lambda: build(TextOptions(unit="bytes")), spec=TEXT)
test_tokens_conform = suite.conformance(
    "frontend", lambda: build(TextOptions(trained=trained(), languages=ROOTS)), spec=TEXT
)
