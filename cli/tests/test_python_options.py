"""Options in Python mean what the same keys mean in YAML, and an error names them as they were written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from valle.options import named, resolved_from
from valle.samplers import chain_of
from valle_core.config.resolve import resolve
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_core.synthesis.options import SYNTHESIS_SCHEMA
from valle_core.training.config import TRAIN_SCHEMA
from valle_data.commands.prepare import SCHEMA as PREPARE


@pytest.fixture(scope="module")
def registry():
    return Registry.open()


SAME = {
    "a plugin by name": (TRAIN_SCHEMA, {"arch": "transformer"}, "arch: transformer"),
    "a plugin with options": (
        TRAIN_SCHEMA,
        {"arch": {"name": "llama", "d_model": 64, "n-heads": 4}},
        "arch: {name: llama, d_model: 64, n-heads: 4}",
    ),
    "options of the default plugin": (TRAIN_SCHEMA, {"arch": {"d_model": 96}}, "arch: {d_model: 96}"),
    "a flat option, a list, a switch": (
        TRAIN_SCHEMA,
        {"steps": 7, "betas": (0.8, 0.9), "compile": True},
        "steps: 7\nbetas: [0.8, 0.9]\ncompile: true",
    ),
    "a section": (
        TRAIN_SCHEMA,
        {"model": {"levels": 4, "token_rate": [0.05]}, "batching": None},
        "model: {levels: 4, token_rate: [0.05]}\nbatching:",
    ),
    "the main option of a section": (TRAIN_SCHEMA, {"data": Path("data")}, "data: data"),
    "a section with its main option": (
        TRAIN_SCHEMA,
        {"data": {"path": "d", "workers": 2}},
        "data: {path: d, workers: 2}",
    ),
    "a chain": (
        SYNTHESIS_SCHEMA,
        {"sampler": ["temperature", {"name": "top_k", "k": 5}]},
        "sampler: [temperature, {name: top_k, k: 5}]",
    ),
    "a chain of one": (SYNTHESIS_SCHEMA, {"sampler": {"name": "top_k", "k": 5}}, "sampler: {name: top_k, k: 5}"),
    "an empty chain": (SYNTHESIS_SCHEMA, {"sampler": []}, "sampler: []"),
    "an empty slot": (TRAIN_SCHEMA, {"rewrite": None}, "rewrite:"),
    "none for an option": (PREPARE, {"loudness": None}, "loudness:"),
    "a dict for an option": (PREPARE, {"recipe_options": {"mic_id": "m"}}, "recipe_options: {mic_id: m}"),
    "a text of digits": (PREPARE, {"language": "en-us", "tables": ["a", "b"]}, "language: en-us\ntables: [a, b]"),
}  # fmt: skip


@pytest.mark.parametrize(("schema", "options", "yaml"), SAME.values(), ids=SAME)
def test_keywords_mean_what_yaml_means(schema, options, yaml, registry, tmp_path):
    file = tmp_path / "same.yaml"
    file.write_text(yaml)
    expected = resolve(schema, registry, yaml_file=file)
    assert resolved_from(schema, registry, options) == expected


def test_keywords_lie_over_a_file(registry, tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("arch: {name: llama, d_model: 64}\nsteps: 5\nlr: 0.5\n")
    found = resolved_from(TRAIN_SCHEMA, registry, {"steps": 9, "arch": {"n_layers": 3}}, file)
    assert (found.sections["train"].steps, found.sections["train"].lr) == (9, 0.5)
    arch = found.part("arch").options
    assert (arch.d_model, arch.n_layers) == (64, 3)


WRONG = {
    "a misspelt key": ({"stepz": 3}, "stepz: unknown key 'stepz'. Did you mean 'steps'?"),
    "a misspelt option": ({"arch": {"name": "llama", "d_modle": 3}}, "arch.d_modle: arch 'llama' has no option"),
    "a value that does not fit": ({"arch": {"d_model": "wide"}}, "arch.d_model: expected an integer, got 'wide'"),
    "a number out of range": ({"steps": 0}, "steps must be at least 1, got 0"),
    "two options with one beginning": ({"decay_from": 2.0, "steps": 3}, "decay_from must be in [0, 1), got 2"),
    "an unknown plugin": ({"arch": "lama"}, "there is no arch 'lama'. Did you mean 'llama'?"),
    "a list for one plugin": ({"arch": ["llama"]}, "arch: takes one arch, got a list"),
    "a number for a plugin": ({"arch": 3}, 'arch: expected a name or {"name": …, option: …}, got 3'),
    "a number for a name": ({"arch": {"name": 3}}, "arch: expected a name, got 3"),
    "a number in a chain": ({"task": [3]}, 'task: expected a name or {"name": …, option: …}, got 3'),
    "a number for a section": ({"model": 3}, "model: expected a dict of options, got 3"),
    "a dict for a number": ({"steps": {"a": 1}}, "steps: expected an integer, got {'a': 1}"),
}


@pytest.mark.parametrize(("options", "message"), WRONG.values(), ids=WRONG)
def test_an_error_names_the_key_as_it_was_written(options, message, registry):
    with pytest.raises(UserError) as refused:
        resolved_from(TRAIN_SCHEMA, registry, options)
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


def test_an_empty_path_is_refused():
    assert named(Path("x"), "out") == Path("x")
    with pytest.raises(UserError, match=r"^out must be a path, got an empty text$"):
        named("", "out")
    with pytest.raises(UserError, match=r"^the prompt must be a path, got int$"):
        named(3, "the prompt")


@dataclass(frozen=True)
class Halve:
    """A sampler of no plugin."""

    def process(self, logits, view):
        return logits / 2


def names(chain) -> list[str]:
    return [type(part).__name__ for part in (*chain._processors, chain._chooser)]


def test_samplers_are_taken_built_and_by_name(registry):
    import torch
    from valle_samplers import Sample, TopK

    place = {"device": torch.device("cpu"), "dtype": torch.float32}
    assert names(chain_of([TopK(k=20), Sample()], registry, **place)) == ["TopK", "Sample"]
    assert names(chain_of((Halve(), {"name": "top_k", "k": 3}, "sample"), registry, **place)) == [
        "Halve",
        "TopK",
        "Sample",
    ]
    assert names(chain_of("greedy", registry, **place)) == ["Greedy"]
    assert names(chain_of(Halve(), registry, **place)) == ["Halve", "Categorical"]
    assert chain_of({"name": "top_k", "k": 3}, registry, **place)._processors == (TopK(k=3),)


@pytest.mark.parametrize(
    ("samplers", "message"),
    [
        (3, 'sampler: expected a built one like TopK(k=20), or a name like "top_k", got 3'),
        ([Halve], "got the class Halve"),
        ("topk", "there is no sampler 'topk'. Did you mean 'top_k'?"),
        ({"k": 3}, "sampler: expected {\"name\": …, option: …}, got {'k': 3}"),
        ({"name": "top_k", "k": 0}, "sampler.k must be at least 1, got 0"),
        ({"name": "top_k", "q": 1}, "sampler.q: sampler 'top_k' has no option 'q'."),
        (["sample", Halve()], "sampler sample picks the token, so Halve cannot follow it. Put sample last"),
    ],
)
def test_what_is_not_a_sampler_is_refused(samplers, message, registry):
    import torch

    with pytest.raises(UserError) as refused:
        chain_of(samplers, registry, device=torch.device("cpu"), dtype=torch.float32)
    assert message in str(refused.value)
