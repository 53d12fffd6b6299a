"""The commands of valle-testing (standard library and `valle_core.plugin` only)."""

from __future__ import annotations

from valle_core.plugin import CommandSpec

CHECK = CommandSpec(
    name="plugins check",
    api=2,
    summary="Run the conformance suite of its kind on a plugin",
    run="valle_testing.commands.plugins_check:check",
    schema="valle_testing.commands.plugins_check:SCHEMA",
    examples=("valle plugins check tiny", "valle plugins check valle-retnet:retnet --kind arch --json"),
)
NEW = CommandSpec(
    name="new-plugin",
    api=2,
    summary="Scaffold a new plugin package of any kind",
    run="valle_testing.commands.new_plugin:new_plugin",
    schema="valle_testing.commands.new_plugin:SCHEMA",
    examples=(
        "valle new-plugin sampler my-sampler",
        "valle new-plugin arch my-arch --into plugins",
        "valle new-plugin codec my-codec --distribution acme-codec --json",
    ),
)
