"""Grouped codes: decoding step by step says what the whole row gives at once; a group of one is the plain model."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from valle_draft.group_steps import GroupCache, GroupSteps
from valle_draft.grouped import Grouped
from valle_draft.groups import Groups
from valle_draft.options import GroupedOptions

from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.sequence.pack import pack
from valle_core.sequence.unpad import end_to_end
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.synthesis.guidance import Guidance
from valle_core.synthesis.request import Request
from valle_core.synthesis.sampling.chain import SamplerChain
from valle_core.synthesis.sampling.randomness import row_seeds
from valle_core.synthesis.synthesizer import Synthesizer
from valle_core.types import TaskInputs
from valle_kit.engine import together
from valle_kit.streaming import Windowing, stream
from valle_testing.fakes.backbone import FakeBackbone
from valle_testing.fakes.speaking import Greedy, part, synthesizer_of

SYMBOLS = ("<pad>", "<unk>", " ", *"abcdefghˈː")
D, V = 16, 32


def speaker(
    size: int, *, inside="recurrent", arch="llama", aligned=True, draft=True, kernel="sdpa", chain=(Greedy,), **options
):
    torch.manual_seed(3)
    arch, _, adaptive = arch.partition(", ")
    given = {"attention": part("attention", kernel, {})} if arch != "retnet" else {}
    norm = {"adaptive_norm": True} if adaptive else {}
    backbone = part("arch", arch, {"d_model": D, "n_layers": 2, "n_heads": 2, **norm}, **given)
    pointer = part("alignment", "pointer", {}, d_model=D, symbols=SYMBOLS, languages=2) if aligned else None
    vocabulary = Vocabulary(symbols=len(SYMBOLS), languages=2, num_levels=4, codebook_size=V)
    settings = ModelOptions(parts="ar", **options)
    model = CodecLM(backbone, vocabulary, settings, alignment=pointer).eval()
    with torch.no_grad():
        if pointer is not None:
            pointer.advance.weight.normal_(std=0.3)
            pointer.advance.bias.fill_(-0.7)
        model.heads.bias[0, V] = 1.5  # rows without an alignment end at all
    model.draft = Grouped(GroupedOptions(size=size, inside=inside), D).eval() if draft else None
    if draft and size > 1:
        with torch.no_grad():
            for weight in model.draft.parameters():
                weight += torch.randn_like(weight) * 0.3
    chosen = [one() for one in chain]
    return synthesizer_of(model, symbols=SYMBOLS, languages=("xx", "yy"), task=part("task", "tts"), chain=chosen)


def prompt(frames: int) -> torch.Tensor:
    return torch.randint(0, V, (frames, 4), generator=torch.Generator().manual_seed(frames))


ASKED = [
    Request(text="ab", language="yy", seed=5, prompt=prompt(7), max_seconds=0.5),
    Request(text="hg fe", language="xx", seed=3, max_seconds=0.9),
    Request(text="c", language="xx", seed=4, prompt=prompt(4), max_seconds=0.3),
]


def level0(synthesizer: Synthesizer, requests: list[Request], **changes):
    spoken = Synthesizer(replace(synthesizer.components, **changes))
    inputs = [spoken.prepare(request).inputs for request in requests]
    with torch.inference_mode():
        found, times, _ = spoken.level0(
            inputs, torch.cat([row_seeds(request.seed, [0], device="cpu") for request in requests]), requests
        )
    return inputs, found, times


def tokens(synthesizer: Synthesizer, requests: list[Request], **changes) -> list[list[int]]:
    return [row.tolist() for row in level0(synthesizer, requests, **changes)[1].tokens]


@torch.inference_mode()
def said_at_once(synthesizer: Synthesizer, requests: list[Request], *, unpadded: bool = False) -> bool:
    """Whether each code said is the likeliest of one pass over the whole rows, without a cache, as in training."""
    inputs, found, times = level0(synthesizer, requests)
    model, task, rows = synthesizer.components.ar, synthesizer.components.task, []
    for given, codes, when in zip(inputs, found.tokens, times, strict=True):
        response = codes[:, None].expand(-1, 4)
        rows.append(task.compose(replace(given, response=response, times=when), 0, training=True))
    batch = pack(rows, model.rules)
    batch = end_to_end(batch) if unpadded else batch
    logits = model(batch).logits[0]
    targets, likeliest = batch.predicted[0].targets, logits.argmax(-1)
    if model.alignment is not None:
        likeliest = logits[:, :V].argmax(-1)
    counts = [len(codes) + (model.alignment is None) for codes in found.tokens]
    assert sum(counts) == len(targets)
    first, right = 0, []
    for count, stopped in zip(counts, found.stopped, strict=True):
        mine = slice(first, first + count)
        equal = likeliest[mine] == targets[mine]
        equal[0] |= bool(logits[mine][0].argmax() == V)  # the first is never the stop token
        right.append(bool(equal[: count if stopped else count - 1].all()))
        first += count
    return all(right)


@pytest.mark.parametrize("aligned", [True, False], ids=["pointer", "text"])
@pytest.mark.parametrize(
    ("size", "inside", "arch"),
    [
        (2, "recurrent", "llama"),
        (3, "parallel", "llama"),
        (4, "recurrent", "transformer"),
        (3, "recurrent", "transformer, adaptive"),
        (2, "parallel", "retnet"),
    ],
)
def test_what_is_said_step_by_step_is_what_the_whole_row_gives(size, inside, arch, aligned):
    synthesizer = speaker(size, inside=inside, arch=arch, aligned=aligned)
    assert said_at_once(synthesizer, ASKED)
    alone = [tokens(synthesizer, [request])[0] for request in ASKED]
    assert alone == tokens(synthesizer, ASKED)
    assert {len(row) % size for row in alone} != {0}  # some end inside of a group
    assert len({code for row in alone for code in row}) > 2


def test_a_group_of_one_is_the_plain_model_bit_for_bit():
    for chain in ((Greedy,), ()):
        plain, one = (speaker(1, draft=draft, chain=chain) for draft in (False, True))
        assert tokens(one, ASKED) == tokens(plain, ASKED)
        assert one.components.ar.state_dict().keys() == plain.components.ar.state_dict().keys()
    models = [each.components.ar.train() for each in (plain, one)]
    batch, losses = batch_of(models[0]), []
    for model in models:
        torch.manual_seed(1)
        losses.append(model(batch).logits[0].logsumexp(-1).sum())
        losses[-1].backward()
    assert torch.equal(*losses)
    assert torch.equal(*(model.embedding.table.grad for model in models))


def rows_of(model: CodecLM, frames=(9, 4, 6), level: int = 0) -> list:
    """Rows of so many frames as training makes them."""
    task, draw, rows = part("task", "tts", {}), torch.Generator().manual_seed(2), []
    for count, wide in zip(frames, (5, 0, 8), strict=False):
        given = TaskInputs(
            text=torch.tensor([3, 5, 4]), language=0, prompt=prompt(wide),
            response=torch.randint(0, V, (count, 4), generator=draw), times=torch.tensor([0.0, 1, 2, count]),
        )  # fmt: skip
        rows.append(task.compose(given, level, training=True))
    return rows


def batch_of(model: CodecLM, **more):
    return pack(rows_of(model, **more), model.rules)


def logits_of(model: CodecLM, rows: list, *, unpadded: bool = False) -> list[torch.Tensor]:
    """Of level 0, row by row."""
    batch = pack(rows, model.rules)
    batch = end_to_end(batch) if unpadded else batch
    with torch.inference_mode():
        found = model(batch).logits[0]
    answers = [len(row.segments[-1].tokens) + (model.alignment is None) for row in rows if row.level == 0]
    return list(found.split(answers))


@pytest.mark.parametrize("inside", ["recurrent", "parallel"])
@pytest.mark.parametrize("aligned", [True, False], ids=["pointer", "text"])
def test_a_row_gives_what_it_gives_alone_however_rows_lie(aligned, inside):
    model = speaker(3, aligned=aligned, inside=inside, kernel="eager").components.ar
    rows = rows_of(model)
    for unpadded in (False, True):
        for row, found in zip(rows, logits_of(model, rows, unpadded=unpadded), strict=True):
            assert torch.allclose(found, logits_of(model, [row])[0], atol=1e-5)


def test_a_row_that_begins_with_its_prompt_reads_nothing_of_the_row_before_it():
    model = speaker(4, kernel="eager", markers="sum").components.ar
    rows = rows_of(model, frames=(6, 7, 8))
    rows = [rows[0], rows[2], rows[0], rows[2]]
    for row, found in zip(rows, logits_of(model, rows, unpadded=True), strict=True):
        assert torch.allclose(found, logits_of(model, [row])[0], atol=1e-5)


def test_it_begins_as_one_that_reads_and_repeats_the_last_frame_of_each_group():
    x, group, before = torch.randn(2, 3, D), torch.randn(2, D), torch.randn(2, D)
    for inside, wanted in (("recurrent", before), ("parallel", group)):
        fresh = Grouped(GroupedOptions(size=3, inside=inside), D)
        assert torch.equal(fresh.read(x), x[:, -1])
        for place in (1, 2):
            assert torch.equal(fresh.inside(group, before, x[:, place], place), wanted)


def test_losses_and_figures_of_the_backbone_are_kept():
    grouped, plain = (speaker(3, arch="mixtral", draft=draft).components.ar.train() for draft in (True, False))
    wanted, found = (model(batch_of(model)) for model in (plain, grouped))
    assert wanted.losses
    assert wanted.figures
    assert (found.losses.keys(), found.figures.keys()) == (wanted.losses.keys(), wanted.figures.keys())


def test_rows_of_other_levels_are_read_as_ever():
    model = speaker(2, kernel="eager").components.ar
    mixed = [*rows_of(model), *rows_of(model, level=2)]
    for found, alone in zip(logits_of(model, mixed), logits_of(model, mixed[:3]), strict=True):
        assert torch.allclose(found, alone, atol=1e-5)
    higher = model(pack(mixed, model.rules)).logits[2]
    model.draft = None
    assert torch.allclose(higher, model(pack(mixed, model.rules)).logits[2], atol=1e-5)


@pytest.mark.parametrize("inside", ["recurrent", "parallel"])
def test_no_frame_sees_what_comes_after_it_and_the_rest_of_a_row_is_left_out(inside):
    model = speaker(4, aligned=False, inside=inside).components.ar
    row = rows_of(model, frames=(11,))[0]
    whole = logits_of(model, [row])[0]
    for count in range(1, 11):
        shorter = replace(row, target=row.target[:count])
        response = replace(row.segments[-1], tokens=row.segments[-1].tokens[:count])
        shorter = replace(shorter, segments=(*row.segments[:-1], response))
        found = logits_of(model, [shorter])[0]
        assert found.shape == (count + 1, V + 1)
        assert torch.allclose(found, whole[: count + 1], atol=1e-5)
    blind = (whole[1] - changed(model, row, 0)[1]).abs().max() < 1e-5  # frame 1 knows frame 0 of its own group
    assert bool(blind) == (inside == "parallel")


def changed(model: CodecLM, row, frame: int) -> torch.Tensor:
    """Logits of a row with another code there."""
    tokens = row.segments[-1].tokens.clone()
    tokens[frame] = (tokens[frame] + 1) % V
    return logits_of(model, [replace(row, segments=(*row.segments[:-1], replace(row.segments[-1], tokens=tokens)))])[0]


def test_the_backbone_reads_as_many_times_fewer_frames():
    model = speaker(4, aligned=False).components.ar
    rows = rows_of(model, frames=(9, 4, 6))
    batch = pack(rows, model.rules)
    groups = Groups.of(batch, model.vocabulary, 4)
    frames = torch.tensor([5 + 9, 0 + 4, 8 + 6])
    alone = batch.mask.lengths - frames
    # A prompt of 5 takes 2 positions; of a response what is read by nothing has no position.
    assert (groups.lengths - alone).tolist() == [2 + 2, 0 + 1, 2 + 1]
    _, found, _ = level0(speaker(4), ASKED[:1])
    assert found.steps == (len(found.tokens[0]) - (not found.stopped[0])) // 4


def reversed_groups(steps, *given):
    backbone, way, read, inside, size = given
    GROUP_STEPS(steps, backbone, way, lambda x: read(x.flip(1)), inside, size)


def from_the_group(steps, *given):
    backbone, way, read, inside, size = given
    GROUP_STEPS(steps, backbone, way, read, lambda group, before, x, place: inside(group, group, x, place), size)


def keep_the_rows(cache, rows):
    cache.state, cache.group = cache.state[: len(rows)], cache.group[: len(rows)]
    state, group = cache.state, cache.group
    SELECT(cache, torch.arange(len(rows)))
    cache.state, cache.group = state, group


GROUP_STEPS, SELECT = GroupSteps.__init__, GroupCache.select


@pytest.mark.parametrize(
    ("place", "name", "fault"),
    [(GroupSteps, "__init__", reversed_groups), (GroupSteps, "__init__", from_the_group)],
)
def test_planted_faults_are_found(place, name, fault, monkeypatch):
    assert said_at_once(speaker(3), ASKED)
    monkeypatch.setattr(place, name, fault)
    assert not said_at_once(speaker(3), ASKED)


def test_a_row_that_stays_in_the_place_of_one_that_left_is_found(monkeypatch):
    alone = [tokens(speaker(3), [request])[0] for request in ASKED]
    monkeypatch.setattr(GroupCache, "select", keep_the_rows)
    assert tokens(speaker(3), ASKED) != alone


def test_searches_guidance_and_an_engine_say_groups_too():
    beam = part("sampler", "beam", {"width": 3})
    synthesizer = speaker(3, drop_condition=0.2)
    found = [tokens(synthesizer, [request], chain=SamplerChain([beam], ["beam"]))[0] for request in ASKED]
    assert found == tokens(synthesizer, ASKED, chain=SamplerChain([beam], ["beam"]))
    guidance = Guidance(scale=6.0, without=frozenset({"prompt", "text"}))
    guided = [tokens(synthesizer, [request], guidance=guidance)[0] for request in ASKED]
    assert guided == tokens(synthesizer, ASKED, guidance=guidance) != tokens(synthesizer, ASKED)
    for parts in ({}, {"guidance": guidance}):
        one = Synthesizer(replace(synthesizer.components, chain=SamplerChain([]), **parts))
        speeches = together(one, [replace(request, seed=9) for request in ASKED])
        alone = [one([replace(request, seed=9)])[0] for request in ASKED]
        assert all(torch.equal(a.codes, b.codes) for a, b in zip(speeches, alone, strict=True))


def test_chunks_of_a_stream_joined_are_the_whole():
    synthesizer = speaker(3)
    level0_alone = CodecLM(FakeBackbone(), replace(synthesizer.components.ar.vocabulary, num_levels=1), ModelOptions())
    one_level = Synthesizer(replace(synthesizer.components, nar=level0_alone.eval()))
    for request in ASKED:  # of level 0 alone, which windows cannot change
        chunks = list(stream(one_level, request, Windowing(first=0.04, step=0.1, ahead=0.02)))
        (whole,) = one_level([request])
        assert torch.allclose(torch.cat([chunk.wav for chunk in chunks]), whole.wav, atol=1e-5)
        assert len(chunks) > 1 or len(whole.codes) <= 3


def test_what_needs_one_frame_a_step_is_refused():
    for more, message in (
        ({"drafts": 2}, "--draft grouped drafts nothing.*leave --drafts out"),
        ({"unchecked": True, "drafts": 1}, "--draft grouped drafts nothing.*leave --drafts and --unchecked out"),
        ({"max_context": 4}, "--max-context reads.*which --draft grouped cannot; leave it out"),
    ):
        with pytest.raises(UserError, match=message):
            level0(speaker(2), ASKED, **more)
    for options, message in (({"size": 17}, r"size must be in \[1, 16\], got 17"), ({"width": 9}, r"width must be in")):
        with pytest.raises(UserError, match=message):
            GroupedOptions(**options)
