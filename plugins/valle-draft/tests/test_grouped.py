"""Grouped codes: decoding from the cache says what the whole row gives at once, and a group of one is the plain model."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from valle_draft.group_steps import GroupSteps
from valle_draft.grouped import Grouped
from valle_draft.groups import Groups
from valle_draft.options import GroupedOptions

from valle_core.assemble.part import build
from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.registry.hooks import Observers
from valle_core.registry.registry import Registry
from valle_core.sequence.pack import pack
from valle_core.sequence.unpad import end_to_end
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.synthesis.components import SynthesisComponents
from valle_core.synthesis.guidance import Guidance
from valle_core.synthesis.request import Request
from valle_core.synthesis.sampling.chain import SamplerChain
from valle_core.synthesis.sampling.randomness import row_seeds
from valle_core.synthesis.synthesizer import Synthesizer
from valle_core.text.symbols import SymbolMap
from valle_kit.engine import Engine
from valle_testing.fakes.audio import FakeCodec, FakeFrontend

SYMBOLS = ("<pad>", "<unk>", " ", *"abcdefghˈː")
D, V = 16, 32


class Greedy:
    def choose(self, logits, view):
        return logits.argmax(-1)


def part(kind: str, name: str, options: dict, **parts):
    plugin = Registry.open().select(kind, name)
    return build(plugin, plugin.options_type()(**options), **parts)


def speaker(size: int, *, inside="recurrent", arch="llama", aligned=True, chain=(Greedy,), draft=True, **options):
    torch.manual_seed(3)
    given = {"attention": part("attention", "sdpa", {})} if arch != "retnet" else {}
    backbone = part("arch", arch, {"d_model": D, "n_layers": 2, "n_heads": 2}, **given)
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
    task = part("task", "tts", {})
    return Synthesizer(
        SynthesisComponents(
            ar=model, nar=model, symbols=SymbolMap(SYMBOLS), languages=("xx", "yy"), codec=FakeCodec(),
            frontend=FakeFrontend(), task=task, chain=SamplerChain([one() for one in chain]),
            nar_chain=SamplerChain([Greedy()]), observers=Observers(),
        )
    )  # fmt: skip


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
    [(2, "recurrent", "llama"), (3, "parallel", "llama"), (4, "recurrent", "transformer"), (2, "parallel", "retnet")],
)
def test_what_is_said_step_by_step_is_what_the_whole_row_gives(size, inside, arch, aligned):
    synthesizer = speaker(size, inside=inside, arch=arch, aligned=aligned)
    assert said_at_once(synthesizer, ASKED)
    alone = [tokens(synthesizer, [request])[0] for request in ASKED]
    assert alone == tokens(synthesizer, ASKED)
    assert {len(row) % size for row in alone} != {0}  # some end inside of a group
    assert len({code for row in alone for code in row}) > 4
