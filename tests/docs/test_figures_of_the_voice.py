"""Pages give the figures of the voice that its results page has, and those were measured with the decoding it ships."""

from __future__ import annotations

import json
import math
import re
import struct
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VOICE = ROOT / "plugins" / "valle-voice"
BOX = VOICE / "src" / "valle_voice" / "model"
RESULTS = (ROOT / "benchmarks" / "results" / "voice.md").read_text("utf-8")

SECTIONS = {
    "README.md": r"^\* The voice in the box:.*?(?=^\* )",
    "docs/status.md": r"^## The voice in the box$.*?(?=^## )",
    "docs/voice.md": r"^## How good it is$.*?(?=^## )",
}
"""The page, and the part of it that says how good the voice is."""


def system(name: str) -> dict[str, str]:
    """Means of a row of the first table of the results, by column."""
    head, row = (re.search(rf"^\| {word} \|.*$", RESULTS, re.M)[0] for word in ("system", name))
    cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in (head, row))
    return {column: cell.split(" [")[0].removeprefix("0.") for column, cell in zip(*cells, strict=True)}


def figures() -> list[str]:
    """As pages write them; a likeness without its leading zero."""
    speech, codec = system("speech"), system("codec")
    both = [f"{row[column]} %" for row in (speech, codec) for column in ("WER %", "phoneme error %")]
    likeness = [f".{row['similarity']}" for row in (speech, codec, system("other-voice"))]
    return [*both, *likeness, f"{float('0.' + speech['skips']) * 200:.0f} in 200"]


def lacking(text: str, wanted: list[str]) -> list[str]:
    """Those of the figures that a text does not have; a % may be missing, and "6 in 200" may be "6 of 200"."""
    text = " ".join(text.split()).replace(" of 200", " in 200")
    return [one for one in wanted if not re.search(rf"(?<![\d.]){re.escape(one.removesuffix(' %'))}(?![\d])", text)]


@pytest.mark.parametrize("page", SECTIONS)
def test_a_page_has_the_figures_that_were_measured(page):
    part = re.search(SECTIONS[page], (ROOT / page).read_text("utf-8"), re.M | re.S)
    assert part, f"{page} does not say how good the voice is"
    assert lacking(part[0], figures()) == []


def test_a_figure_of_before_is_noticed():
    text = "WER 7.0 % (codec: 7.2), phoneme error 17.7 % (3.04), 5 of\n200 slurred, likeness .685"
    wanted = ["7.4 %", "7.2 %", "7.7 %", "3.0 %", ".682", "6 in 200", "5 in 200"]
    assert lacking(text, wanted) == ["7.4 %", "7.7 %", "3.0 %", ".682", "6 in 200"]


def test_it_was_measured_with_the_decoding_that_is_shipped():
    box = json.loads((BOX / "voice.json").read_text("utf-8"))
    options = " ".join(
        f"--sampler {sampler['name']}"
        + "".join(f" --sampler.{key} {one}" for key, one in sampler.items() if key != "name")
        for sampler in box["samplers"]
    )
    for page in (RESULTS, (ROOT / "docs" / "voice.md").read_text("utf-8")):
        assert f"{options} --durations {box['durations']}" in page


def test_the_model_card_says_how_large_it_is():
    sizes = []
    for half in ("ar", "nar"):
        with (BOX / half / "model.safetensors").open("rb") as file:
            header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        tensors = [one for name, one in header.items() if name != "__metadata__" and one["dtype"] == "I8"]
        sizes.append(round(sum(math.prod(one["shape"]) for one in tensors) / 1e6))
    assert f"about {sizes[0]} and {sizes[1]} million numbers" in (VOICE / "MODEL_CARD.md").read_text("utf-8")
