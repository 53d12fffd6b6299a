"""What a wrong configuration is told: where, what, expected, got."""

from __future__ import annotations

from typing import Literal

import pytest

from valle_core.config.schema import Setting
from valle_core.config.values import validated
from valle_core.plugin import UserError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nsteps: 3", "run.yaml:1: unknown key 'a'. Keys: arch, sampler"),
        ("steps: 1\nstesp: 3", "run.yaml:2: unknown key 'stesp'. Did you mean 'steps'?"),
        ("arch:\n  name: net\n  d_modl: 3", "run.yaml:3: arch 'net' has no option 'd_modl'. Did you mean 'd_model'? "),
        ("model:\n  widht: 3", "run.yaml:2: unknown key 'model.widht'. Did you mean 'width'? Keys: sum"),
        ("\n\nsteps: abc", "run.yaml:3: steps: expected an integer, got 'abc'"),
        ("steps: 1.5", "run.yaml:1: steps: expected an integer, got 1.5"),
        ("steps: true", "run.yaml:1: steps: expected an integer, got True"),
        ("steps: null", "run.yaml:1: steps: expected an integer, got None"),
        ("steps: [1]", "run.yaml:1: steps: expected an integer, got [1]"),
        ("rate: -1", "run.yaml:1: rate: expected greater than 0, got -1"),
        ("seed: x", "run.yaml:1: seed: expected an integer or none, got 'x'"),
        ("compile: maybe", "run.yaml:1: compile: expected true or false, got 'maybe'"),
        ("title: 3", "run.yaml:1: title: expected text, got 3"),
        ("precision: fp8", "run.yaml:1: precision: expected one of fp32, bf16, got 'fp8'"),
        ("levels: [1, x]", "run.yaml:1: levels: expected an integer, got 'x'"),
        ("arch:\n  dropout: x", "run.yaml:2: arch.dropout: expected a number, got 'x'"),
        ("arch: nte", "run.yaml:1: there is no arch 'nte'"),
        ("arch: [net]", "run.yaml:1: arch: takes one arch, got a list"),
        ("arch: 3", "run.yaml:1: arch: expected a name or {name: …, options}, got 3"),
        ("arch: {name: 3}", "run.yaml:1: arch.name: expected a name, got 3"),
        ("sampler:\n- greedy\n- {name: top_k, k: 0}", "run.yaml:3: sampler 'top_k': k must be at least 1, got 0"),
        ("model: 3", "run.yaml:1: model: expected options below it, got 3"),
        ("- arch", "run.yaml:1: expected keys like 'arch: llama', got ['arch']"),
        ("steps: 1\nsteps: 2", "run.yaml:2: key 'steps' stands here a second time"),
        ("1: x", "run.yaml:1: keys are words, got 1"),
        ("steps: [1", "run.yaml:1: not valid YAML"),
        ("steps: 1\n\tarch: x", "run.yaml:2: not valid YAML"),
        ("title: !!python/name:os.system", "run.yaml:1: not valid YAML: could not determine a constructor"),
        ("model: !!python/object:os.x {}", "run.yaml:1: not valid YAML: the tag"),
        ("levels: &a [*a]", "run.yaml:1: not valid YAML: "),
        ("arch: null\nmodel: {}\n", None),
    ],
)  # fmt: skip
def test_a_wrong_file_is_told_with_line_path_expected_and_got(read, complaint, text, expected):
    if expected is None:
        assert read(text)
    else:
        assert complaint(text).startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("steps", "--set steps: expected KEY=VALUE"),
        ("=3", "--set =3: expected KEY=VALUE"),
        ("stps=3", "--set stps: unknown key 'stps'. Did you mean 'steps'?"),
        ("steps=abc", "--set steps: expected an integer, got 'abc'"),
        ("steps.x=3", "--set steps.x: has no options below it"),
        ("model=3", "--set model: needs OPTION after a dot"),
        ("arch.d_modl=3", "--set arch.d_modl: arch 'net' has no option 'd_modl'. Did you mean 'd_model'?"),
        ("sampler.k=3", "--set sampler.k: no sampler of the chain (greedy) has an option 'k'."),
        ("levels=[1", "--set levels:1: not valid YAML"),
    ],
)
def test_a_wrong_set_is_told_by_its_key(complaint, text, expected):
    assert complaint(sets=[text]).startswith(expected)


def test_a_wrong_flag_is_told_as_it_was_typed(complaint):
    assert complaint(flags=[("arch.d-model", "x")]) == "--arch.d-model: expected an integer, got 'x'"


def test_a_flag_out_of_range_is_named_once_and_what_is_not_typed_by_its_place(complaint):
    assert complaint(flags=[("steps", "0"), ("seed", "1")]) == "--steps must be at least 1, got 0"
    assert complaint(flags=[("preset", "box")]) == "--preset box needs a title"
    assert complaint(flags=[("preset", "nope")]) == "--preset: expected one of box, set, got 'nope'"
    assert complaint(sets=["steps=0"]) == "--set steps must be at least 1, got 0"
    assert complaint("title: a\nsteps: 0") == "run.yaml:2: train: steps must be at least 1, got 0"


def test_no_number_is_nan(complaint):
    assert complaint(flags=[("arch.dropout", "nan")]).startswith("--arch.dropout: expected a number, got nan")
    assert complaint("arch: {name: net, dropout: .nan}") == "run.yaml:1: arch.dropout: expected a number, got nan"


def test_an_option_before_its_plugin_in_a_chain_is_told_where_to_stand(complaint):
    message = complaint(flags=[("sampler.k", "3"), ("sampler", "top_k")])
    assert message == "--sampler.k: write it after the --sampler NAME it belongs to"


def test_an_option_of_an_emptied_slot_is_refused(complaint):
    assert "no arch is selected" in complaint("arch: null", flags=[("arch.d_model", "3")])


def test_an_option_that_two_of_an_earlier_chain_have_is_refused(complaint):
    assert "several of the chain (top_k · top_k)" in complaint("sampler: [top_k, top_k]", sets=["sampler.k=3"])


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    from valle_core.config.yaml_file import read_file
    from valle_core.plugin import UserError

    with pytest.raises(UserError, match=r"cannot read .*none\.yaml: No such file"):
        read_file(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="is not UTF-8 text"):
        read_file(tmp_path / "binary.yaml")


def test_an_option_of_a_plugin_out_of_range_is_named_once(read, complaint):
    assert complaint("sampler: top_k", sets=["sampler.k=0"]) == "--set sampler.k must be at least 1, got 0"
    assert complaint(flags=[("sampler", "top_k"), ("sampler.k", "0")]) == "--sampler.k must be at least 1, got 0"


def test_a_mistake_in_the_options_class_of_a_plugin_names_the_part(complaint):
    expected = "sampler 'top_k' fails on its options: KeyError: \"a plugin's own mistake\""
    assert complaint(flags=[("sampler", "top_k"), ("sampler.k", "9999999")]) == expected


@pytest.mark.parametrize("value", [["terminal", "pipe"], "[terminal, pipe]"])
def test_a_word_of_a_list_that_is_not_one_of_its_choices_is_named_alone(value):
    setting = Setting(("control",), value, "--control", text=True)
    with pytest.raises(UserError, match=r"expected one of terminal, none, got 'pipe'$"):
        validated(setting, tuple[Literal["terminal", "none"], ...])
