"""What a training batch holds: as many positions as were planned, rows of a kind side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from random import Random

import pytest
import torch
from valle_llama.backbone import LlamaBackbone
from valle_llama.options import LlamaOptions, LlamaSizes
from valle_tasks.continuation import Continuation
from valle_tasks.options import ContinuationOptions, TextToSpeechOptions
from valle_tasks.tts import TextToSpeech

from valle_core.data.dataset import open_dataset
from valle_core.data.options import BatchOptions
from valle_core.data.pool import TrainingPool
from valle_core.loss.token_loss import token_loss
from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.sequence.pack import PackRules
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.training.examples import ExampleStream
from valle_core.training.rows import RowMaker, RowSettings
from valle_core.types import PackedMask
from valle_data.batching.batches import Batches
from valle_data.made_dataset import made_records, write_dataset
from valle_kit.mixed_rows import MixedRows
from valle_testing.fakes.rule_kernel import RuleKernel

OPTIONS = TextToSpeechOptions(min_seconds=0.3, max_seconds=0.9)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "data"
    write_dataset(folder, list(made_records(60, seconds=(0.1, 1.5))))
    return open_dataset(folder)


def maker_of(dataset, *tasks, packed=False) -> RowMaker:
    vocabulary = Vocabulary(symbols=len(dataset.symbols.symbols), languages=2, num_levels=3, codebook_size=256)
    settings = RowSettings(level_weights=(0.5, 0.3, 0.2), packing=PackRules(vocabulary=vocabulary),
                           frame_rate=dataset.frame_rate, seed=1, packed=packed)  # fmt: skip
    return RowMaker(TrainingPool(dataset), tasks or [TextToSpeech(OPTIONS)], settings)


@pytest.mark.parametrize("tasks", [(), (Continuation(ContinuationOptions(seconds=0.2, min_rest_seconds=0.1)),)])
def test_a_batch_has_no_more_positions_than_its_seconds_allow(dataset, tasks):
    """60 s of responses came to 249 s with their prompts and texts."""
    maker, options = maker_of(dataset, *tasks), BatchOptions(seconds=8.0)
    sizes = maker.sizes(dataset)
    filled = []
    for ids in Batches(dataset, options, sizes=sizes):
        batch = maker.example(0, ids).batch
        if len(batch.levels) > 1:
            filled.append(batch.positions.numel() / (options.seconds * dataset.frame_rate))
    assert 0.5 < max(filled) <= 1.0
    longest = dict(zip(dataset.ids, sizes * dataset.frame_rate, strict=True))
    for id in dataset.ids:
        one = maker.example(0, [id])
        assert not hasattr(one, "batch") or one.batch.positions.numel() <= longest[id] + 1e-6


def test_a_resumed_run_whose_rows_are_of_other_lengths_is_refused(dataset):
    batches = partial(Batches, dataset, BatchOptions(seconds=8.0))
    state = json.loads(json.dumps(batches(sizes=maker_of(dataset).sizes(dataset)).state_dict()))
    batches(sizes=maker_of(dataset).sizes(dataset)).load_state_dict(state)
    longer = maker_of(dataset, TextToSpeech(replace(OPTIONS, max_seconds=1.2)))
    with pytest.raises(UserError, match="Give the same tasks"):
        batches(sizes=longer.sizes(dataset)).load_state_dict(state)


def test_a_dataset_that_does_not_count_its_symbols_is_guessed_from_its_texts(dataset, tmp_path):
    lines = [json.loads(line) for line in (dataset.path / "index.jsonl").read_text().splitlines()]
    assert all(line["symbols"] == len(dataset.record(line["id"]).phonemes) for line in lines)
    assert dataset.symbol_counts.tolist() == [line["symbols"] for line in lines]
    index = dataset._index
    index._symbols = index._symbols * 0 - 1
    try:
        assert set(dataset.symbol_counts) == {len("a text") * 3 // 2}
    finally:
        index._symbols = index._columns["symbols"]


def test_rows_of_a_kind_lie_side_by_side_and_share_the_length_of_their_prompts(dataset):
    maker = maker_of(dataset, TextToSpeech(replace(OPTIONS, no_prompt=0.0)))
    lengths = set()
    for first in range(0, 60, 15):
        ids = dataset.ids[first : first + 15]
        batch = maker.example(0, ids).batch
        causal = (batch.mask.prefix == 0).tolist()
        assert causal == sorted(causal, reverse=True)
        rows = [maker.row(id, 0, share=0.5) for id in ids]
        assert len({row.segments[-2].tokens.shape[0] for row in rows}) == 1
        lengths.add(tuple(batch.mask.lengths.tolist()))
        again = maker.example(0, ids).batch
        assert torch.equal(again.indices, batch.indices)
    assert len(lengths) == 4


def test_drawing_a_prompt_looks_at_a_few_ids_however_many_its_speaker_has(tmp_path, monkeypatch):
    """It made a list of all of them for each row: 35 ms at 10⁵."""
    write_dataset(tmp_path / "data", list(made_records(400, seconds=(0.02, 0.04))), speakers=1)
    pool = TrainingPool(open_dataset(tmp_path / "data"))
    utterance = pool.utterance(pool.dataset.ids[200])
    decoded = []
    strings = type(pool.dataset._index.ids)
    plain = strings.__getitem__
    monkeypatch.setattr(strings, "__getitem__", lambda self, place: decoded.append(place) or plain(self, place))
    monkeypatch.setattr(strings, "at", lambda self, places: pytest.fail("all ids are listed"))
    drawn = TextToSpeech(TextToSpeechOptions()).draw(utterance, pool, Random(0), frame_rate=50.0)
    assert drawn is not None
    assert len(decoded) < 100
    others = pool.other("s0", utterance.id)
    monkeypatch.undo()
    assert [*others] == [id for id in pool.dataset.ids if id != utterance.id] == [others[i] for i in range(399)]
    assert (others[-1], others[150:250][60]) == (pool.dataset.ids[-1], pool.dataset.ids[211])


def model_of(maker: RowMaker) -> CodecLM:
    torch.manual_seed(0)
    sizes = LlamaSizes.of(LlamaOptions(d_model=16, n_layers=2, n_heads=2))
    backbone = LlamaBackbone(sizes, MixedRows(RuleKernel(), frozenset({"causal", "full"})))
    return CodecLM(backbone, maker.settings.packing.vocabulary, ModelOptions())


def test_packed_rows_give_the_loss_and_the_gradients_of_padded_ones(dataset):
    padded, packed = (maker_of(dataset, packed=packed).example(0, dataset.ids[:12]) for packed in (False, True))
    assert isinstance(packed.batch.packed.mask, PackedMask)
    assert packed.tokens == padded.tokens == packed.batch.positions.numel() < padded.batch.positions.numel()
    model = model_of(maker_of(dataset))
    found = []
    for one in (padded, packed):
        model.zero_grad()
        loss, figures = token_loss(model(one.batch).logits, one.batch.predicted)
        loss.backward()
        found.append((float(loss.detach()), {name: p.grad.clone() for name, p in model.named_parameters()}, figures))
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-5)
    for name, grad in found[0][1].items():
        torch.testing.assert_close(grad, found[1][1][name], atol=1e-5, rtol=1e-5)
    assert {name: one[1] for name, one in found[0][2].items()} == {name: one[1] for name, one in found[1][2].items()}


def test_the_backbone_says_whether_its_kernel_gains_by_packed_rows():
    class Dense(RuleKernel):
        dense = True

    sizes = LlamaSizes.of(LlamaOptions(d_model=16, n_layers=1, n_heads=2))
    packs = [LlamaBackbone(sizes, MixedRows(kernel, frozenset({"packed"}))).packs for kernel in (RuleKernel(), Dense())]
    assert packs == [True, False]


@pytest.mark.parametrize("packed", [False, True])
def test_a_step_on_a_device_reads_nothing_from_it(dataset, packed):
    """Tensors of the meta device cannot be read: whatever would wait for a GPU raises there."""
    from valle_attention_sdpa.options import KernelOptions
    from valle_attention_sdpa.sdpa import sdpa

    maker = maker_of(dataset, packed=packed)
    model = model_of(maker)
    for layer in model.backbone.layers:
        layer.self_attn.kernel = MixedRows(sdpa(KernelOptions()), frozenset({"causal", "full"}))
    model = model.to("meta")
    batch = maker.example(0, dataset.ids[:12]).batch
    moved = batch.to(torch.device("meta"))
    loss, _ = token_loss(model(moved).logits, moved.predicted)
    loss.backward()
    assert loss.device.type == "meta"
    assert all(p.grad is not None for p in model.backbone.parameters())


def test_the_state_of_a_stream_of_packed_batches_goes_on_exactly(dataset):
    def stream():
        maker = maker_of(dataset, packed=True)
        batches = Batches(dataset, BatchOptions(seconds=8.0), sizes=maker.sizes(dataset))
        return ExampleStream(batches, maker.examples)

    whole = [one.batch.indices for one, _ in zip(stream(), range(9), strict=False)]
    first = stream()
    for _, _one in zip(range(4), first, strict=False):
        pass
    second = stream()
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    rest = [one.batch.indices for one, _ in zip(second, range(5), strict=False)]
    assert len(whole) == 9
    assert all(torch.equal(a, b) for a, b in zip(whole[4:], rest, strict=True))
