"""Adapters of some codebook levels: what they leave alone, how mixed batches are run, and how they speak."""

from __future__ import annotations

import copy

import pytest
import torch
from valle_lora.options import LoraOptions, level_set, said
from valle_lora.parametrization import Adapter
from valle_lora.rewrite import LoraRewrite, merge

from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_core.sequence.layout import lay_out
from valle_core.sequence.pack import pack
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.synthesis.request import Request
from valle_core.types import PackedMask, SequenceMask, TaskInputs
from valle_kit.engine import together
from valle_kit.streaming import stream
from valle_testing.fakes.audio import FakeCodec
from valle_testing.fakes.speaking import SYMBOLS, synthesizer_of
from valle_testing.installed import GIVEN
from valle_testing.suites.arch.batch import batch

REGISTRY = Registry.open()
ARCHS = [entry.name for entry in REGISTRY.entries("arch") if entry.status == "ok"]
LEVELS = [0, 3, 1]


def backbone(arch: str, *levels: str):
    """With an adapter of each of these levels; B is no longer zero."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ((make,), _) = GIVEN["arch"](REGISTRY.select("arch", arch), "cpu")
        model = make().eval()
        for place, one in enumerate(levels):
            model = LoraRewrite(LoraOptions(rank=2, levels=one)).apply(model)
            torch.manual_seed(1 + place)
            added = [part for part in model.modules() if isinstance(part, Adapter) and not part.lora_B.any()]
            for adapter in added:
                torch.nn.init.normal_(adapter.lora_B, std=0.1)
    return model


def rows_of(model):
    """A causal row and two full ones; the condition says which level each predicts."""
    rows = batch(model, [9, 7, 5], [0, 7, 5])
    return rows, torch.cat([rows.condition, torch.tensor(LEVELS)[:, None]], 1)


def states(model, condition=None):
    rows, told = rows_of(model)
    with torch.no_grad():
        out = model(rows.x, rows.mask, rows.positions, condition=told if condition is None else condition)
        return model.finish(out.h)


@pytest.mark.parametrize("arch", ARCHS)
def test_each_row_has_the_adapters_of_its_level_in_every_backbone(arch):
    model = backbone(arch, "0", "1-2")
    found = states(model)
    condition = rows_of(model)[0].condition
    for row, own in enumerate((backbone(arch, ""), backbone(arch), backbone(arch, "0", "1-2"))):
        if row == 2:  # the second adapter alone
            for adapter in own.modules():
                if isinstance(adapter, Adapter):
                    adapter.levels, adapter.on = None, adapter.levels == {1, 2}
            own.__class__ = type(own).__bases__[-1]
        length = [9, 7, 5][row]
        torch.testing.assert_close(found[row, :length], states(own, condition)[row, :length], atol=1e-5, rtol=1e-5)
    assert (found[0] - states(backbone(arch), condition)[0]).abs().max() > 1e-3


def test_an_adapter_of_all_levels_leaves_the_backbone_of_the_class_it_was():
    plain, adapted = backbone("transformer"), backbone("transformer", "")
    assert type(adapted) is type(plain)
    assert not hasattr(adapted, "reads_levels")
    some = backbone("transformer", "0")
    assert type(some) is not type(plain)
    assert isinstance(some, type(plain))
    assert some.state_dict().keys() == adapted.state_dict().keys()


def test_packed_segments_are_run_apart_like_rows():
    model = backbone("transformer", "0", "1-2")
    rows, condition = rows_of(model)
    lengths = [9, 7, 5]
    x = torch.cat([rows.x[b, :n] for b, n in enumerate(lengths)])[None]
    positions = torch.cat([rows.positions[b, :n] for b, n in enumerate(lengths)])[None]
    mask = PackedMask(offsets=torch.tensor([0, 9, 16, 21]), prefix=rows.prefix)
    with torch.no_grad():
        found = model.finish(model(x, mask, positions, condition=condition).h)[0]
    whole = states(model)
    for b, part in enumerate(found.split(lengths)):
        torch.testing.assert_close(part, whole[b, : lengths[b]], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("arch", ["transformer", "mamba", "retnet"])
def test_layers_that_are_computed_again_are_so_with_the_adapters_of_their_rows(arch):
    gradients = []
    for again in (False, True):
        model = backbone(arch, "0", "1-2").train()
        assert hasattr(model, "gradient_checkpointing")
        model.gradient_checkpointing = again
        rows, condition = rows_of(model)
        torch.manual_seed(0)
        model(rows.x, rows.mask, rows.positions, condition=condition).h.square().mean().backward()
        gradients.append([part.lora_A.grad for part in model.modules() if isinstance(part, Adapter)])
    reached = [(one, other) for one, other in zip(*gradients, strict=True) if one is not None]
    assert len(reached) >= len(gradients[0]) / 2
    for one, other in reached:
        assert one.any()
        torch.testing.assert_close(one, other)


def test_rows_of_other_levels_alone_train_nothing_and_stop_no_run():
    model = backbone("transformer", "2").train()
    model.requires_grad_(False)
    for adapter in model.limited.adapters:
        adapter.requires_grad_()
    rows, condition = rows_of(model)
    model(rows.x, rows.mask, rows.positions, condition=condition).h.sum().backward()
    gradients = [weight.grad for adapter in model.limited.adapters for weight in adapter.parameters()]
    assert not any(one is not None and one.any() for one in gradients)


def test_losses_of_the_backbone_are_means_over_the_positions():
    model = backbone("mixtral", "0")
    rows, condition = rows_of(model)
    out = model(rows.x, rows.mask, rows.positions, condition=condition)
    assert out.losses
    parts = []
    for chosen in ([0], [1, 2]):
        mask = SequenceMask(
            lengths=rows.lengths[chosen],
            prefix=rows.prefix[chosen],
            query_start=torch.zeros(len(chosen), dtype=torch.long),
        )
        parts.append(model(rows.x[chosen], mask, rows.positions[chosen], condition=condition[chosen]))
    for name, value in out.losses.items():
        torch.testing.assert_close(value, parts[0].losses[name] * 9 / 21 + parts[1].losses[name] * 12 / 21)


@pytest.mark.slow  # dynamo is imported, and traces two layers twice
def test_compiled_it_says_the_same():
    model = backbone("transformer", "0", "1-2")
    before = states(model)
    model.compile(backend="eager", dynamic=True)
    torch.testing.assert_close(states(model), before)


def test_a_copy_switches_its_own_adapters():
    model = backbone("transformer", "1-2")
    twin = copy.deepcopy(model)
    torch.testing.assert_close(states(twin), states(model), atol=0, rtol=0)
    assert {id(one) for one in twin.limited.adapters} <= {id(part) for part in twin.modules()}


def test_a_backbone_that_is_not_told_the_levels_says_so():
    model = backbone("transformer", "0")
    rows, _ = rows_of(model)
    with pytest.raises(UserError, match="adapters of some levels must be told the level of each row"):
        model(rows.x, rows.mask, rows.positions, condition=rows.condition)


def test_merging_leaves_those_of_some_levels_and_takes_those_of_all_that_a_model_predicts():
    model = backbone("transformer", "", "0")
    before = states(model)
    for name in [name for name, part in model.named_modules() if isinstance(part, torch.nn.Linear)]:
        merge(model.get_submodule(name), frozenset(range(4)))
    left = [part for part in model.modules() if isinstance(part, Adapter)]
    assert {one.levels for one in left} == {frozenset({0})}
    torch.testing.assert_close(states(model), before, atol=1e-5, rtol=1e-5)


def model_of(*levels: str, **options) -> CodecLM:
    codec = FakeCodec()
    vocabulary = Vocabulary(
        symbols=len(SYMBOLS), languages=1, num_levels=codec.num_levels, codebook_size=codec.codebook_size
    )
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = CodecLM(backbone("transformer"), vocabulary, ModelOptions(**options)).eval()
        torch.nn.init.normal_(model.heads.weight)
        torch.nn.init.normal_(model.embedding.table)
    model.backbone = backbone("transformer", *levels)
    return model


def logits(model: CodecLM) -> dict:
    codes = torch.randint(
        0, FakeCodec().codebook_size, (6, model.vocabulary.num_levels), generator=torch.Generator().manual_seed(1)
    )
    inputs = TaskInputs(text=torch.tensor([3, 4]), language=0, prompt=codes[:2], response=codes)
    rows = [
        lay_out(inputs, level, response=codes[:, : max(level, 1)], target=codes[:, level])
        for level in range(model.vocabulary.num_levels)
    ]
    with torch.no_grad():
        return model(pack(rows, model.rules)).logits


def test_an_adapter_of_level_0_changes_no_logit_of_another():
    plain, limited, whole = (logits(model_of(*levels)) for levels in ((), ("0",), ("",)))
    last = max(plain)
    assert last >= 1
    torch.testing.assert_close(limited[0], whole[0], atol=1e-5, rtol=1e-5)
    assert (limited[0] - plain[0]).abs().max() > 1e-3
    for level in range(1, last + 1):
        torch.testing.assert_close(limited[level], plain[level], atol=1e-5, rtol=1e-5)
        assert (whole[level] - plain[level]).abs().max() > 1e-3


@pytest.mark.parametrize("adaptive", ["0", f"1-{FakeCodec().num_levels - 1}"])
def test_a_model_of_both_halves_says_what_two_models_say_of_which_one_has_the_adapter(adaptive):
    plain, limited, whole = model_of(), model_of(adaptive), model_of("")
    halves = {"ar": whole, "nar": plain} if adaptive == "0" else {"ar": plain, "nar": whole}
    requests = [Request(text=text, seed=seed, max_seconds=0.3) for seed, text in enumerate(("abc", "fed cba"))]
    wanted = synthesizer_of(plain, **halves)(requests)
    assert not all(torch.equal(a.codes, b.codes) for a, b in zip(wanted, synthesizer_of(plain)(requests), strict=True))
    speaker = synthesizer_of(limited)
    for found in (speaker(requests), together(speaker, requests)):
        assert [one.codes.tolist() for one in found] == [one.codes.tolist() for one in wanted]
    streamed, expected = (
        [chunk.wav for chunk in stream(one, requests[1])] for one in (speaker, synthesizer_of(plain, **halves))
    )
    torch.testing.assert_close(torch.cat(streamed, -1), torch.cat(expected, -1))


@pytest.mark.parametrize(("text", "levels"), [("", None), ("0", {0}), ("1-3", {1, 2, 3}), (" 0, 2-3 ,7", {0, 2, 3, 7})])
def test_levels_are_numbers_and_ranges(text, levels):
    assert level_set(text) == levels
    assert levels is None or level_set(said(frozenset(levels))) == levels
    LoraOptions(levels=text)


@pytest.mark.parametrize("text", ["x", "3-1", "-1", "0,,1", "1-", "²", "9999"])
def test_levels_that_are_none_are_refused(text):
    with pytest.raises(UserError, match="levels must be codebook levels, as in '0', '1-7' or '0,2-3', got"):
        LoraOptions(levels=text)
