"""Defaults, YAML, --set and flags, in this order."""

from __future__ import annotations

import pytest

from valle_core.config.schema import Schema, Section, Slot
from valle_core.plugin import UserError


def chain(resolved, slot="sampler"):
    return [(part.name, part.options) for part in resolved.parts[slot]]


def names(resolved, slot="sampler"):
    return [part.name for part in resolved.parts[slot]]


def test_defaults_alone_give_every_part_and_section(read):
    resolved = read()
    assert resolved.part("arch").name == "net"
    assert resolved.part("arch").options.d_model == 8
    assert names(resolved) == ["greedy"]
    assert resolved.parts["nar_sampler"][0].options.k == 3
    assert resolved.sections["train"].steps == 100
    assert resolved.sections["model"].width == 4


def test_each_layer_overrides_the_one_before(read):
    text = "steps: 1\nrate: 0.1\ntitle: yaml\narch: {d_model: 1, dropout: 0.1, hidden_size: 5}"
    sets = ["rate=0.2", "title=set", "arch.dropout=0.2", "arch.hidden_size=6"]
    resolved = read(text, sets=sets, flags=[("title", "flag"), ("arch.hidden-size", "7")])
    train, arch = resolved.sections["train"], resolved.part("arch").options
    assert (train.steps, train.rate, train.title, train.seed) == (1, 0.2, "flag", None)
    assert (arch.d_model, arch.dropout, arch.hidden_size) == (1, 0.2, 7)


def test_dashes_and_underscores_mean_the_same_everywhere(read):
    text = "arch: {hidden-size: 5}\nmodel: {sum-embeddings: true}\nnar-sampler: greedy"
    resolved = read(text)
    assert resolved.part("arch").options.hidden_size == 5
    assert resolved.sections["model"].sum_embeddings
    assert names(resolved, "nar_sampler") == ["greedy"]


def test_another_plugin_in_a_later_layer_starts_from_its_own_defaults(read):
    assert read("arch: {name: net, d_model: 1}", flags=[("arch", "other")]).part("arch").options.d_model == 16


def test_the_same_plugin_in_a_later_layer_keeps_its_options(read):
    assert read("arch: {name: net, d_model: 1}", flags=[("arch", "net")]).part("arch").options.d_model == 1


def test_options_of_a_chain_belong_to_the_plugin_named_before_them(read):
    flags = [("sampler", "top_k"), ("sampler.k", "50"), ("sampler", "warm"), ("sampler.temperature", "0.8")]
    resolved = read(flags=flags)
    assert names(resolved) == ["top_k", "warm"]
    assert resolved.parts["sampler"][0].options.k == 50
    assert resolved.parts["sampler"][1].options.temperature == 0.8


def test_one_plugin_may_stand_in_a_chain_twice(read):
    flags = [("sampler", "top_k"), ("sampler.k", "5"), ("sampler", "top_k"), ("sampler.k", "2")]
    assert [options.k for _, options in chain(read(flags=flags))] == [5, 2]


def test_a_chain_in_yaml_is_a_list_and_a_later_chain_replaces_it(read):
    text = "sampler: [{name: top_k, k: 50}, greedy]"
    assert names(read(text)) == ["top_k", "greedy"]
    assert read(text).parts["sampler"][0].options.k == 50
    assert names(read(text, flags=[("sampler", "warm")])) == ["warm"]
    assert names(read(text, sets=["sampler=[warm, {name: top_k, k: 4}]"])) == ["warm", "top_k"]
    assert names(read(text, sets=["sampler=warm", "sampler=greedy"])) == ["warm", "greedy"]


def test_a_plugin_may_be_set_by_the_place_of_its_name_in_yaml(read):
    assert read(sets=["arch.name=other"]).part("arch").name == "other"
    assert read(sets=["arch.name=other", "arch.d_model=3"]).part("arch").options.d_model == 3
    assert names(read(sets=["sampler.name=warm", "sampler.temperature=0.5"])) == ["warm"]
    assert read(sets=["sampler.name=none"]).parts["sampler"] == ()


def test_the_default_chain_need_not_be_installed_where_another_is_named(read):
    schema = Schema((Slot("sampler", "sampler", [{"name": "absent", "p": 0.9}, "greedy"], many=True),))
    assert names(read("sampler: warm", schema=schema)) == ["warm"]
    assert names(read(flags=[("sampler", "top_k"), ("sampler.k", "5")], schema=schema)) == ["top_k"]
    with pytest.raises(UserError, match="no sampler 'absent'"):
        read(schema=schema)


def test_an_option_without_a_new_chain_goes_to_the_plugin_that_has_it(read):
    text = "sampler: [{name: top_k, k: 50}, greedy]"
    assert read(text, flags=[("sampler.k", "7")]).parts["sampler"][0].options.k == 7


def test_a_stored_file_without_an_option_means_what_was_there_before_the_option(read):
    older, newer = "arch: {d_model: 3}", "arch: {d_model: 3, memory: spread}"
    assert read(older).part("arch").options.memory == "spread"
    assert read(older, stored=True).part("arch").options.memory == "paper"
    assert read(newer, stored=True).part("arch").options.memory == "spread"
    assert read("memory: none\n", stored=True).sections["train"].memory == "none"
    assert read("steps: 1\n", stored=True).sections["train"].memory == "old"


def test_a_slot_can_be_emptied(read):
    assert read("arch: null\nsampler: []").parts["arch"] == ()
    assert read(sets=["sampler=none"]).parts["sampler"] == ()
    assert read(flags=[("arch", "none")]).parts["arch"] == ()


def test_two_slots_of_one_kind_are_independent(read):
    resolved = read("nar_sampler: warm", flags=[("sampler", "top_k")])
    assert (names(resolved), names(resolved, "nar_sampler")) == (["top_k"], ["warm"])


def test_a_qualified_name_is_kept(read):
    assert read(flags=[("arch", "acme:net")]).part("arch").name == "acme:net"


def test_list_options_are_repeated_as_flags_and_lists_in_yaml_and_set(read):
    assert read("levels: [3, 4]").sections["train"].levels == (3, 4)
    assert read(sets=["levels=[5, 6]"]).sections["train"].levels == (5, 6)
    assert read("levels: [3, 4]", flags=[("levels", "7"), ("levels", "8")]).sections["train"].levels == (7, 8)
    assert read(sets=["levels=1"], flags=[("levels", "7")]).sections["train"].levels == (7,)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("steps", "12", 12),
        ("rate", "1e-4", 1e-4),
        ("rate", "1", 1.0),
        ("precision", "bf16", "bf16"),
        ("title", "123", "123"),
        ("compile", "true", True),
        ("compile", False, False),
        ("seed", "none", None),
        ("seed", "4", 4),
    ],
)
def test_text_from_the_command_line_becomes_the_options_type(read, key, text, value):
    got = getattr(read(flags=[(key, text)]).sections["train"], key)
    assert (got, type(got)) == (value, type(value))


def test_a_number_in_scientific_notation_and_a_whole_number_are_fine_for_a_float_in_yaml(read):
    assert read("rate: 1e-4").sections["train"].rate == 1e-4
    assert isinstance(read("rate: 1").sections["train"].rate, float)


def test_an_empty_file_is_an_empty_configuration(read):
    assert read("") == read("# nothing\n") == read()


def test_merge_keys_and_anchors_of_yaml_work(read):
    text = "model: &m {width: 7}\narch: {name: net, d_model: 3}\nsampler: [&t {name: top_k, k: 2}, {<<: *t, k: 3}]"
    resolved = read(text)
    assert [options.k for _, options in chain(resolved)] == [2, 3]


def test_a_schema_whose_keys_collide_is_refused():
    from dataclasses import make_dataclass

    clash = make_dataclass("Clash", [("arch", int, 1)], frozen=True)
    with pytest.raises(ValueError, match="given twice: arch"):
        Schema((Slot("arch", "arch", None),), (Section("x", clash, flat=True),))


SERVED = Schema((Slot("arch", "arch", "net"), Slot("kernel", "kernel", "quick", serves="arch")))


def test_a_slot_that_serves_a_plugin_which_takes_nothing_of_it_stays_empty(read):
    assert [part.name for part in read(schema=SERVED).parts["kernel"]] == ["quick"]
    assert read("arch: other", schema=SERVED).parts["kernel"] == ()
    assert read("arch: other\nkernel: null", schema=SERVED).parts["kernel"] == ()


def test_a_plugin_for_one_that_takes_none_is_refused(complaint):
    message = complaint("arch: other\nkernel: exact", schema=SERVED)
    assert message == "run.yaml:2: arch 'other' takes no kernel; leave kernel out"
    message = complaint("arch: other", flags=[("kernel", "quick")], schema=SERVED)
    assert message == "--kernel: arch 'other' takes no kernel; leave kernel out"


def test_set_speaks_of_the_plugin_that_a_flag_beside_it_selects(read, complaint):
    part = read(sets=["arch.d_model=3"], flags=[("arch", "other")]).part("arch")
    assert (part.name, part.options.d_model) == ("other", 3)
    assert read(sets=["arch.d_model=3"], flags=[("arch.d_model", "5")]).part("arch").options.d_model == 5
    assert "arch 'other' has no option 'hidden_size'" in complaint(
        sets=["arch.hidden_size=3"], flags=[("arch", "other")]
    )
