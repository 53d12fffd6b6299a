"""Rows of options as help shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from valle_cli.option_table import dataclass_rows


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options.

    Attributes:
        preset: a known set
    """

    preset: Literal["", "box", "long"] = ""


def test_the_empty_choice_is_no_word_of_the_help():
    (row,) = dataclass_rows(Options, "", "Options")
    assert row.metavar == "box|long"
