"""Help of every option of every command and first-party plugin: there, a phrase, and in the field's words."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from valle_cli.interpreter import opened
from valle_cli.option_table import OptionRow, dataclass_rows, section_rows
from valle_core.plugin import CommandSpec, PluginSpec
from valle_core.registry.registry import Registry

REGISTRY = Registry.open(environ={}, safe=True)
AVOIDED = re.compile(
    r"\b(said|says?|hears?|heard|ears?|speak with|judges?|answers?|learnt|a look|told|is none|(?<!there )is no|let it"
    r"|gives nothing|what it|how it|most gigabytes|equipment)\b"
)
"""Words that made helps riddles; what they meant is "synthesize", "transcribe", "maximum", "number of" …"""


def texts() -> Iterator[tuple[str, str]]:
    """(where, help) of every option."""
    rows: list[tuple[str, OptionRow]] = []
    for row in REGISTRY.rows:
        for entry in REGISTRY.entries(row.name):
            if isinstance(entry.spec, CommandSpec):
                rows += [(f"valle {entry.name}", one) for one in section_rows(opened(entry.spec).schema)]
            elif isinstance(entry.spec, PluginSpec) and entry.status == "ok":
                options = REGISTRY.select(row.name, entry.name).options_type()
                rows += [(f"{row.name} {entry.name}", one) for one in dataclass_rows(options, "", "")]
    for where, one in rows:
        yield f"{where} {one.flag}", one.help


def complaint(text: str) -> str:
    if text.startswith("expects "):
        return "has no help"
    if found := AVOIDED.search(text):
        return f"{found[0]!r} is not the field's word"
    if len(text) > 240:
        return f"has {len(text)} letters; the rest belongs in the docs"
    if re.match(r"(of|the same|e\.g\.|how they)\b", text):
        return "begins with neither a noun nor a verb"
    return "ends as no phrase does" if text.endswith((".", ",", ":")) and ". " not in text else ""


def test_every_help_says_in_a_phrase_what_an_option_is():
    found = {where: f"{why}: {text}" for where, text in texts() if (why := complaint(text))}
    assert not found, "\n".join(f"{where} {why}" for where, why in found.items())


def test_all_options_are_looked_at():
    places = [where for where, _ in texts()]
    assert len(places) > 300
    assert {"valle train --lr", "arch llama --d-model", "sampler top_k --k"} <= {*places}


@pytest.mark.parametrize(
    "text",
    [
        "expects an integer",
        "of the phoneme encoder, in training",
        "longest answer in seconds; what runs into it has not ended by itself",
        "the same for the distance of the critics' features",
        "write what is said",
        "what it reads; " + "and so on " * 40,
    ],
)
def test_a_help_that_says_little_is_noticed(text):
    assert complaint(text)
