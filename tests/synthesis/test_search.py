"""A search decodes level 0 in the place of the usual loop; what cannot be combined is refused by name."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch

from valle_core.plugin import UserError
from valle_core.synthesis.autoregressive import Prompted, decode
from valle_core.synthesis.sampling.chain import SamplerChain
from valle_core.synthesis.sampling.randomness import row_seeds
from valle_core.synthesis.sampling.view import View
from valle_core.types import SequenceMask
from valle_testing.fakes.backbone import FakeBackbone
from valle_testing.fakes.parts import FakeChooser, FakeProcessor, FakeSearch

V, STOP = 12, 12


class Best:
    def choose(self, logits, view):
        return logits.argmax(-1)


class SaidBefore:
    """Loses what the row has said, so that a history of another row shows."""

    def process(self, logits, view):
        counts = torch.zeros_like(logits)
        if view.history.shape[1]:
            counts = counts.scatter_add(1, view.history.clamp(min=0), (view.history >= 0).to(logits))
        return logits - 0.7 * counts


@dataclass(frozen=True)
class Crossing:
    """The best token of the other of two beginnings that swap places at every step."""

    def search(self, logits, follow, bounds, stop):
        rows, counts = logits.repeat_interleave(2, 0), []
        parents = torch.arange(len(logits)).repeat_interleave(2)
        for _ in range(max(bounds)):
            token = rows[:, :stop].argmax(-1)
            counts.append((parents, token))
            if len(counts) == max(bounds):
                break
            rows = follow(parents, token)
            parents = torch.arange(len(rows)).view(-1, 2).flip(1).flatten()
        # Re-parented back to front.
        place, answer = torch.arange(len(rows))[::2], []
        for parents, token in reversed(counts):
            answer.append(token[place])
            place = parents[place]
        return torch.stack(answer[::-1], 1)


@pytest.fixture(scope="module")
def parts():
    torch.manual_seed(4)
    backbone = FakeBackbone(d_model=24, n_layers=2).eval()
    table, head = torch.randn(V, 24), torch.nn.Linear(24, V + 1)
    with torch.no_grad():
        head.weight *= 3
        head.bias[STOP] += 0.8  # some rows stop, some do not
    return backbone, table, head


def run(parts, samplers, lengths, bounds, max_context=0):
    backbone, table, head = parts
    prompts = [torch.randn(n, 24, generator=torch.Generator().manual_seed(n)) for n in lengths]
    x = torch.nn.utils.rnn.pad_sequence(prompts, batch_first=True)
    return decode(
        backbone,
        Prompted(
            x=x,
            mask=SequenceMask.causal(torch.tensor(lengths)),
            positions=torch.arange(x.shape[1]).expand(len(lengths), -1),
        ),
        embed=lambda tokens, rows: table[tokens][:, None],
        head=lambda h, rows: head(h),
        chain=SamplerChain(samplers),
        view=View(seeds=row_seeds(0, range(len(lengths)), device="cpu"), capacity=max(bounds), stop=STOP),
        bounds=bounds,
        stop=STOP,
        max_context=max_context,
    )


def counts(found):
    return [row.tolist() for row in found.tokens], found.stopped


@pytest.mark.parametrize("processors", [(), (SaidBefore(),)], ids=["alone", "behind a processor"])
def test_a_search_along_one_beginning_says_what_greedy_decoding_says(parts, processors):
    lengths, bounds = [5, 3, 9, 1, 4, 7], [30, 30, 4, 30, 17, 30]
    greedy = run(parts, (*processors, Best()), lengths, bounds)
    assert counts(run(parts, (*processors, FakeSearch()), lengths, bounds)) == counts(greedy)
    assert any(greedy.stopped)
    assert not all(greedy.stopped)


def test_histories_and_caches_follow_beginnings_that_swap_places(parts):
    """Both say the same, so swapping them changes nothing, unless a history or a cache stays behind."""
    bounds = [8, 8, 8]
    crossed = run(parts, (SaidBefore(), Crossing()), [5, 3, 9], bounds)
    plain = run((parts[0], parts[1], without_stop(parts[2])), (SaidBefore(), Best()), [5, 3, 9], bounds)
    assert counts(crossed)[0] == counts(plain)[0]


def without_stop(head):
    copy = torch.nn.Linear(24, V + 1)
    copy.load_state_dict(head.state_dict())
    with torch.no_grad():
        copy.bias[STOP] = -1e9
    return copy


@torch.no_grad()
def by_full_forward(parts, length, bound, most):
    """Greedy decoding by forward passes over the prompt and what is read of the answer."""
    backbone, table, head = parts
    prompt = torch.randn(length, 24, generator=torch.Generator().manual_seed(length))
    read, tokens = [], []
    while len(tokens) < bound:
        x = torch.cat([prompt, *(table[token][None] for token in read)])
        out = backbone(x[None], SequenceMask.causal(torch.tensor([len(x)])), torch.arange(len(x))[None])
        logits = head(backbone.finish(out.h)[:, -1])[0]
        token = int((logits if tokens else logits[:STOP]).argmax())
        if token == STOP:
            break
        tokens.append(token)
        read.append(token)
        if len(read) > most:
            read = read[-(most // 2) :]
    return tokens


@pytest.mark.parametrize("most", [2, 3, 7])
def test_a_row_reads_no_more_of_its_answer_than_max_context(parts, most):
    lengths, bounds = [5, 3, 9, 1, 4, 7], [30, 30, 4, 30, 17, 30]
    expected = [by_full_forward(parts, length, bound, most) for length, bound in zip(lengths, bounds, strict=True)]
    found, _ = counts(run(parts, (Best(),), lengths, bounds, max_context=most))
    assert found == expected
    assert found != counts(run(parts, (Best(),), lengths, bounds))[0], "the test needs answers that read more"
    assert counts(run(parts, (FakeSearch(),), lengths, bounds, max_context=most))[0] == expected
    assert counts(run(parts, (Best(),), lengths, bounds, max_context=40)) == counts(
        run(parts, (Best(),), lengths, bounds)
    )


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["beam", "mirostat"], "sampler beam looks for the whole answer, so mirostat cannot follow it. Leave one of"),
        (["sample", "beam"], "sampler sample picks the token, so beam cannot follow it. Leave one of the two out"),
        (
            ["top_p", "beam", "top_p"],
            "sampler beam looks for the whole answer, so top_p cannot follow it. Put beam",
        ),
        (["sample", "top_p"], "sampler sample picks the token, so top_p cannot follow it. Put sample last"),
        (["beam", "beam"], "sampler beam looks for the whole answer, so beam cannot follow it. Leave one of the two"),
    ],
)
def test_samplers_that_exclude_each_other_are_refused_by_name(names, message):
    made = {"beam": FakeSearch(), "top_p": FakeProcessor(), "sample": FakeChooser(), "mirostat": FakeChooser()}
    with pytest.raises(UserError, match=message):
        SamplerChain([made[name] for name in names], names)
    for first, second in pairwise(names):
        if (first, second) == ("top_p", "beam"):
            assert SamplerChain([made[first], made[second]]).search is not None


def test_a_search_is_refused_where_there_is_nothing_to_search():
    with pytest.raises(UserError, match="sampler beam looks for whole answers, and levels ≥ 1 are chosen"):
        SamplerChain([FakeSearch()], ["beam"], no_search="and levels ≥ 1 are chosen frame by frame")
