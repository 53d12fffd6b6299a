"""A schema with one slot of each sort, two sections, and a registry of three plugins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import pytest
from pydantic import Field

from valle_core.config.resolve import read_resolved, resolve
from valle_core.config.schema import Schema, Section, Slot
from valle_core.plugin import BEFORE, PluginSpec, UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Net:
    d_model: int = 8
    dropout: float = 0.0
    hidden_size: int | None = None
    memory: str = field(default="spread", metadata={BEFORE: "paper"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Other:
    d_model: int = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class TopK:
    k: int = 10

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k must be at least 1, got {self.k}")
        if self.k > 10**6:
            raise KeyError("a plugin's own mistake")


@dataclass(frozen=True, kw_only=True, slots=True)
class Warm:
    temperature: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Greedy:
    pass


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    steps: int = 100
    rate: Annotated[float, Field(gt=0)] = 1e-3
    levels: tuple[int, ...] = (0, 1)
    precision: Literal["fp32", "bf16"] = "fp32"
    title: str = ""
    compile: bool = False
    seed: int | None = None
    memory: str = field(default="new", metadata={BEFORE: "old"})
    preset: Literal["", "box", "set"] = ""

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UserError(f"steps must be at least 1, got {self.steps}")
        if self.preset and not self.title:
            raise UserError(f"--preset {self.preset} needs a title")


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    sum_embeddings: bool = False
    width: int = 4


@dataclass(frozen=True)
class SelectedPlugin:
    name: str
    options: type
    spec: PluginSpec

    def options_type(self) -> type:
        return self.options


class Plugins:
    """Stands in for the registry."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, type]] = {
            "arch": {"net": Net, "other": Other, "acme:net": Net},
            "sampler": {"top_k": TopK, "warm": Warm, "greedy": Greedy},
            "kernel": {"quick": Greedy, "exact": Greedy},
        }

    def select(self, kind: str, name: str) -> SelectedPlugin:
        if name not in self.known[kind]:
            raise UserError(f"there is no {kind} '{name}'")
        needs = {"kernel": frozenset()} if name == "net" else {}
        spec = PluginSpec(kind=kind, name=name, api=1, summary="", factory="", options="", needs=needs)
        return SelectedPlugin(name, self.known[kind][name], spec)


SCHEMA = Schema(
    (
        Slot("arch", "arch", "net"),
        Slot("sampler", "sampler", ("greedy",), many=True),
        Slot("nar_sampler", "sampler", [{"name": "top_k", "k": 3}, "greedy"], many=True),
    ),
    (Section("train", Training, flat=True), Section("model", Model)),
)


@pytest.fixture
def read(tmp_path):
    """`read("yaml text", sets, flags)` → Resolved; the file is called run.yaml."""

    def read(text: str | None = None, *, sets=(), flags=(), schema=SCHEMA, stored=False):
        file = None
        if text is not None:
            file = tmp_path / "run.yaml"
            file.write_text(text)
        if stored:
            return read_resolved(schema, Plugins(), file, {})
        return resolve(schema, Plugins(), yaml_file=file, sets=sets, flags=flags)

    return read


@pytest.fixture
def complaint(read):
    """The one line a wrong configuration gets, without the folder of the file."""

    def complaint(text: str | None = None, **more) -> str:
        with pytest.raises(UserError) as caught:
            read(text, **more)
        message = str(caught.value)
        assert "\n" not in message
        return message[message.index("run.yaml") :] if "run.yaml" in message else message

    return complaint
