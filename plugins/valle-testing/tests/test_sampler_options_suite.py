"""The suite of samplers catches faults planted in the options of good ones, each by the check it belongs to."""

from __future__ import annotations

import math
from dataclasses import dataclass

from valle_core.plugin import UserError
from valle_testing import planted
from valle_testing.fakes.parts import FakeProcessor as Nucleus


@dataclass(kw_only=True)
class Thawed:
    """Not frozen."""

    p: float = 0.7

    def process(self, logits, view):
        return Nucleus(p=self.p).process(logits, view)


class NoDataclass:
    def process(self, logits, view):
        return logits


@dataclass(frozen=True, kw_only=True)
class TwoRoles(Nucleus):
    def choose(self, logits, view):
        return logits.argmax(-1)


@dataclass(frozen=True, kw_only=True)
class HoldsAList:
    tokens: list

    def process(self, logits, view):
        return logits


@dataclass(frozen=True, kw_only=True)
class NotANumberPasses:
    t: float = 0.7

    def process(self, logits, view):
        return logits * (1.0 if self.t != self.t else 1.1)


@dataclass(frozen=True, kw_only=True)
class AnyK:
    k: int = 3

    def process(self, logits, view):
        return logits.masked_fill(logits < logits.topk(min(self.k, logits.shape[1])).values[:, -1:], -math.inf)


@dataclass(frozen=True, kw_only=True)
class ZeroDivides:
    t: float = 0.7

    def __post_init__(self):
        if not 0 <= self.t < 1e4:
            raise UserError("t")

    def process(self, logits, view):
        return logits / self.t


@dataclass(frozen=True, kw_only=True)
class PlainErrors:
    t: float = 0.7

    def __post_init__(self):
        if not 0 < self.t < 1e4:
            raise ValueError("t")

    def process(self, logits, view):
        return logits / self.t


@dataclass(frozen=True, kw_only=True)
class TinyTemperatures:
    """Logits overflow to infinities, of which the first wins."""

    t: float = 0.7

    def __post_init__(self):
        if not 0 < self.t < 1e4:
            raise UserError("t")

    def process(self, logits, view):
        return logits / self.t


@dataclass(frozen=True, kw_only=True)
class TinyPenalties:
    penalty: float = 1.2

    def __post_init__(self):
        if not 0 < self.penalty < 1e4:
            raise UserError("penalty")

    def process(self, logits, view):
        return logits.where(logits < 0, logits / self.penalty)


@dataclass(frozen=True, kw_only=True)
class TinyTemperaturesAlwaysDrawOneToken:
    """What is no number is drawn from, too: always the same token."""

    t: float = 1.0

    def __post_init__(self):
        if not 0 < self.t <= 100:
            raise UserError("t")

    def choose(self, logits, view):
        scaled = (logits / self.t).nan_to_num(0.0, 0.0, -math.inf).masked_fill(logits.isneginf(), -math.inf)
        return scaled.argmax(-1)


@dataclass(frozen=True, kw_only=True)
class HugePenalties:
    penalty: float = 1.2

    def __post_init__(self):
        if not self.penalty >= 1 or math.isinf(self.penalty):
            raise UserError("penalty")

    def process(self, logits, view):
        return logits * self.penalty


FAULTS = {
    TinyTemperatures: (None, "refuses_impossible_options"),
    TinyPenalties: (None, "refuses_impossible_options"),
    TinyTemperaturesAlwaysDrawOneToken: (None, "refuses_impossible_options"),
    HugePenalties: (None, "refuses_impossible_options"),
    Thawed: (None, "is_a_frozen_dataclass"),
    NoDataclass: (None, "is_a_frozen_dataclass"),
    TwoRoles: (None, "is_a_frozen_dataclass"),
    NotANumberPasses: (None, "refuses_impossible_options"),
    AnyK: (None, "refuses_impossible_options"),
    ZeroDivides: (None, "refuses_impossible_options"),
    PlainErrors: (None, "refuses_impossible_options"),
    "an option is a list": (lambda: HoldsAList(tokens=[1]), "is_a_frozen_dataclass"),
}
"""Fault → None (it is a sampler itself) or what builds it, the check that must see it."""


CASES = planted.cases("sampler", FAULTS)
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)


def test_both_checks_of_options_have_faults():
    assert {fault.check for fault in CASES.values()} == {"is_a_frozen_dataclass", "refuses_impossible_options"}
