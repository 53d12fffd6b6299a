"""The layouts that are known, in the order in which they are looked for: one row each."""

from __future__ import annotations

from valle_data.preparation.layouts import commonvoice, folders, lhotse, libritts, ljspeech, noise, table, vctk
from valle_data.preparation.layouts.layout import Layout

LAYOUTS = tuple(
    Layout(name=name, looks_for=module.LOOKS_FOR, matches=module.matches, find=module.find)
    for name, module in (
        ("table", table),
        ("ljspeech", ljspeech),
        ("vctk", vctk),
        ("commonvoice", commonvoice),
        ("lhotse", lhotse),
        ("libritts", libritts),
        ("folders", folders),
        ("noise", noise),
    )
)
"""`folders` fits any folder, so nothing behind it is found by `auto`."""
