"""Faults planted in copies of good plugins, and the check that must see each: a suite is worth what it catches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from valle_testing import suite
from valle_testing.planted_table import PROPERTY, FaultResult


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One planted fault.

    Attributes:
        kind: of the plugin.
        name: what is wrong, in words.
        check: the check that must see it.
        given: what `suite.run` takes of the faulty plugin.
        spec: what the plugin says of itself, where a check compares it.
        how: what `suite.run` takes of it by keyword.
    """

    kind: str
    name: str
    check: str
    given: tuple[Any, ...]
    spec: suite.Spec | None = None
    how: Mapping[str, Any] = field(default_factory=dict)

    def caught(self, record: Callable[[str, object], None]) -> bool:
        """Run its check and note the outcome for the table (`record` is pytest's `record_property`)."""
        (outcome,) = suite.run(self.kind, *self.given, spec=self.spec, only=(self.check,), **self.how).outcomes
        caught = outcome.verdict == "failed" and bool(outcome.contract)
        row = FaultResult(kind=self.kind, fault=self.name, check=self.check, caught=caught, found=outcome.found)
        record(PROPERTY, row.told())
        return caught


def cases(
    kind: str, faults: Mapping[Any, tuple[Any, ...]], *more: Any, spec: suite.Spec | None = None, **how: Any
) -> dict[str, Fault]:
    """Faults by name.

    Args:
        kind: of the plugins.
        faults: what is wrong → (how, check) or (how, check, spec). A key is a name, then `how` is the builder; or a
            function that does something wrong, then `how` plants it (None where the function is the builder itself).
        more: what `suite.run` takes beside the builder.
        spec: for the checks that compare the plugin with it, where a fault brings none.
        how: what it takes by keyword.
    """
    named = {}
    for fault, (plant, check, *own) in faults.items():
        name = fault if isinstance(fault, str) else fault.__name__.replace("_", " ")
        build = plant if isinstance(fault, str) else fault if plant is None else plant(fault)
        given = (build, *more)
        named[name] = Fault(kind=kind, name=name, check=check, given=given, spec=own[0] if own else spec, how=how)
    return named


def each_is_caught(faults: Mapping[str, Fault]) -> Callable[..., None]:
    """A test function for pytest: one case for each fault, whose check must see it."""
    import pytest

    @pytest.mark.parametrize("fault", faults)
    def test_a_planted_fault_is_caught(fault: str, record_property: Callable[[str, object], None]) -> None:
        assert faults[fault].caught(record_property)

    return test_a_planted_fault_is_caught
