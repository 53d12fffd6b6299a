"""What this distribution offers (standard library only)."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

SPEC = PluginSpec(
    kind="recognizer",
    name="acme-name",
    api=1,
    summary="Touch tones of a telephone as digits, with their times; no weights",
    factory="acme_package.recognizer:build",
    options="acme_package.options:AcmeNameOptions",
    capabilities=frozenset({"words", "align"}),
    advisories=("It is an example to grow from; it recognizes touch tones, no speech.",),
)
