"""The suite of samplers catches faults planted in copies of good ones, each by the check it belongs to."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from valle_core.plugin import PluginSpec
from valle_testing import planted, suite
from valle_testing.fakes.parts import FakeChooser as Draw
from valle_testing.fakes.parts import FakeFiller as Filling
from valle_testing.fakes.parts import FakeProcessor as Nucleus
from valle_testing.fakes.parts import FakeSearch as Best

ROLE = frozenset({"processor"})
SPEC = PluginSpec(kind="sampler", name="n", api=1, summary="", factory="a:b", options="a:c", capabilities=ROLE)


def processing(change):
    @dataclass(frozen=True, kw_only=True, slots=True)
    class Faulty(Nucleus):
        def process(self, logits, view):
            return change(self, logits, view)

    return Faulty


def choosing(change):
    @dataclass(frozen=True, kw_only=True, slots=True)
    class Faulty(Draw):
        def choose(self, logits, view):
            return change(self, logits, view)

    return Faulty


def searching(change):
    @dataclass(frozen=True, kw_only=True, slots=True)
    class Faulty(Best):
        def search(self, logits, follow, bounds, stop):
            return change(logits, follow, bounds, stop)

    return Faulty


def one_bound_for_all(logits, follow, bounds, stop):
    return Best().search(logits, follow, [max(bounds)] * len(bounds), stop)


def filling(change):
    @dataclass(frozen=True, kw_only=True, slots=True)
    class Faulty(Filling):
        def fill(self, ask, frames, hidden, view):
            return change(ask, frames, hidden, view)

    return Faulty


def the_last_frame_stays_hidden(ask, frames, hidden, view):
    codes = Filling().fill(ask, frames, hidden, view)
    ends = torch.tensor([sum(frames[: b + 1]) - 1 for b, count in enumerate(frames) if count > 1], dtype=torch.long)
    return codes.index_fill(0, ends.to(codes.device), hidden)


def rows_are_filled_as_if_they_were_one(ask, frames, hidden, view):
    return Filling().fill(ask, [sum(frames)], hidden, view)


def good(self, logits, view):
    return Nucleus(p=self.p).process(logits, view)


def drawn(self, logits, view):
    return Draw(t=self.t).choose(logits, view)


def reading(change):
    """A processor that reads `change(logits)`."""
    return processing(lambda self, logits, view: good(self, change(logits), view))


def giving(change):
    """A processor that gives `change(logits)` of what a good one gives."""
    return processing(lambda self, logits, view: change(good(self, logits, view)))


def changing(change):
    """A processor that is `change(logits)`."""
    return processing(lambda self, logits, view: change(logits))


def drawing(change):
    """A chooser that gives `change(tokens)`."""
    return choosing(lambda self, logits, view: change(drawn(self, logits, view)))


def inverted(logits, numbers):
    cumulative = logits.softmax(-1).cumsum(-1)
    return (cumulative < numbers[:, None]).sum(-1)


def tokens_are_struck_out_in_place(self, logits, view):
    logits[:, -1] = -math.inf
    return good(self, logits, view)


def history_is_written(self, logits, view):
    view.history.clamp_(min=0)
    return good(self, logits, view)


def one_number_for_all_rows(self, logits, view):
    return inverted(logits, view.uniform()[:1].expand(len(logits)))


def numbers_are_dealt_from_the_last_row(self, logits, view):
    return inverted(logits, view.uniform().flip(0))


def a_generator_of_its_own_draws_by_batch(self, logits, view):
    """No global generator is touched; the numbers depend on how many rows there are."""
    own = torch.Generator().manual_seed(len(logits))
    return inverted(logits, torch.rand(len(logits), generator=own).flip(0).double())


def torch_multinomial(self, logits, view):
    return torch.multinomial(logits.softmax(-1), 1)[:, 0]


def numpy_numbers(self, logits, view):
    return inverted(logits, torch.from_numpy(np.random.rand(len(logits))))


def a_random_number_shakes_the_logits(self, logits, view):
    return good(self, logits + 1e-3 * random.random(), view)


def the_scale_is_the_batchs(self, logits, view):
    return good(self, logits / logits.isfinite().float().mean() / logits.new_tensor(len(logits)).sqrt(), view)


def the_threshold_is_the_first_rows(self, logits, view):
    return logits.masked_fill(logits < logits[:1].amax(-1, keepdim=True) - 3, -math.inf).where(
        (logits < logits[:1].amax() - 3).all(-1, keepdim=True).logical_not(), logits
    )


def padding_is_the_last_token(self, logits, view):
    """−1 indexes from behind."""
    penalty = torch.zeros_like(logits)
    rows = torch.arange(len(logits), device=logits.device)[:, None]
    penalty[rows, view.history] = 1.0
    return logits - penalty


def padding_is_token_0(self, logits, view):
    return logits.scatter_add(1, view.history.clamp(min=0), torch.full_like(view.history, -1).to(logits.dtype))


def the_last_column_is_the_last_token(self, logits, view):
    if view.history.shape[1] == 0:
        return logits
    last = view.history[:, -1:]
    return logits.scatter_add(1, last.clamp(min=0), -(last >= 0).to(logits.dtype))


def the_number_one_passes_the_end(self, logits, view):
    """Uniform so near to 1 that rounding passes the last token that can be picked."""
    cumulative = logits.softmax(-1).cumsum(-1)
    return (cumulative < view.uniform().to(logits.dtype)[:, None] * 1.000001).sum(-1)


def the_first_token_is_picked_at_zero(self, logits, view):
    cumulative = logits.softmax(-1).cumsum(-1)
    return (
        (cumulative < view.uniform()[:, None].float())
        .sum(-1)
        .clamp(max=logits.shape[1] - 1)
        .where(view.uniform() > 1e-12, 0)
    )


def infinity_times_zero(self, logits, view):
    return logits * (logits > 0) + logits.where(logits <= 0, 0.0)


def everything_unlikely_goes(self, logits, view):
    return logits.masked_fill(logits.softmax(-1) < 0.2, -math.inf)


def equals_are_all_dropped(self, logits, view):
    best = logits.amax(-1, keepdim=True)
    return logits.masked_fill((logits == best).sum(-1, keepdim=True) > 1, -math.inf)


def a_mean_of_the_batch_is_taken_off(self, logits, view):
    return logits + 0 * logits.where(logits.isneginf().logical_not(), 0.0).mean()


def any_history_counts_for_all(self, logits, view):
    counts = torch.nn.functional.one_hot(view.history.clamp(min=0), logits.shape[1]) * (view.history >= 0)[..., None]
    return logits - (counts.sum((0, 1)) > 0).to(logits.dtype)


def an_item_is_read(self, logits, view):
    return good(self, logits, view) if float(logits.max()) > -1e9 else logits


def a_table_stays_on_the_cpu(self, logits, view):
    return logits + torch.zeros(logits.shape[1])


def a_loop_over_tokens(self, logits, view):
    logits = logits.clone()
    for b, history in enumerate(view.history.tolist()):
        for token in history:
            if token >= 0:
                logits[b, token] -= 1.0
    return logits


def a_boolean_index(self, logits, view):
    left = good(self, logits, view)
    return left + 0 * left[left.isfinite()].sum()


class Memory:
    """What outlives a batch."""

    def __init__(self):
        self.steps = 0
        self.mu = None


def state_of_the_module():
    memory = Memory()

    def temperature_falls_with_every_call(self, logits, view):
        memory.steps += 1
        return good(self, logits / (1 + 0.1 * memory.steps), view)

    return processing(temperature_falls_with_every_call)


def state_by_position():
    """Keeps one number per place in the batch in the object; knows a fresh batch by its first step."""
    memory = Memory()

    def mu_by_place(self, logits, view):
        if memory.mu is None or "begun" not in view.state:
            memory.mu = torch.zeros(len(logits))
            view.state["begun"] = torch.zeros(len(logits))
        memory.mu = memory.mu[: len(logits)] + logits.amax(-1)
        return logits / (1 + memory.mu.abs())[:, None]

    return processing(mu_by_place)


def one_state_for_all_rows(self, logits, view):
    mu = view.state.get("mu", logits.new_zeros(()))
    view.state["mu"] = mu + logits.where(logits.isfinite(), 0).mean()
    return good(self, logits, view)


def state_is_a_number(self, logits, view):
    view.state["steps"] = view.state.get("steps", 0) + 1
    return good(self, logits, view)


def options_change(self, logits, view):
    object.__setattr__(self, "p", min(1.0, self.p + 0.01))
    return good(self, logits, view)


def a_history_is_needed(self, logits, view):
    last = view.history[:, :1]
    return logits.scatter_add(1, last.clamp(min=0), torch.zeros_like(last).to(logits.dtype)) + 0 * last[:, 0, None]


def the_stop_token_is_needed(self, logits, view):
    return logits.index_fill(1, torch.tensor([view.stop + 0], device=logits.device), -3.0)


def ten_tokens_are_needed(self, logits, view):
    return logits.masked_fill(logits < logits.topk(10).values[:, -1:], -math.inf)


def a_vocabulary_has_1024_tokens(self, logits, view):
    return good(self, logits, view)[:, :1024]


FAULTS = {
    a_vocabulary_has_1024_tokens: (processing, "takes_any_stop_and_any_number_of_tokens"),
    "temperature in place": (reading(lambda logits: logits.div_(0.9)), "writes_nothing"),
    tokens_are_struck_out_in_place: (processing, "writes_nothing"),
    history_is_written: (processing, "writes_nothing"),
    "everything comes back in 32 bits": (reading(lambda logits: logits.float()), "keeps_shape_and_type"),
    "a column is lost": (giving(lambda logits: logits[:, :-1]), "keeps_shape_and_type"),
    "tokens come as columns": (drawing(lambda tokens: tokens[:, None]), "keeps_shape_and_type"),
    "tokens come as int32": (drawing(lambda tokens: tokens.int()), "keeps_shape_and_type"),
    one_number_for_all_rows: (choosing, "equals_rows_one_by_one"),
    torch_multinomial: (choosing, "draws_from_the_view_alone"),
    numpy_numbers: (choosing, "draws_from_the_view_alone"),
    a_random_number_shakes_the_logits: (processing, "draws_from_the_view_alone"),
    the_scale_is_the_batchs: (processing, "equals_rows_one_by_one"),
    the_threshold_is_the_first_rows: (processing, "equals_rows_one_by_one"),
    padding_is_the_last_token: (processing, "ignores_the_padding_of_the_history"),
    padding_is_token_0: (processing, "ignores_the_padding_of_the_history"),
    the_last_column_is_the_last_token: (processing, "ignores_the_padding_of_the_history"),
    the_number_one_passes_the_end: (choosing, "leaves_infinity_alone"),
    the_first_token_is_picked_at_zero: (choosing, "leaves_infinity_alone"),
    "excluded tokens come back": (changing(lambda logits: logits.clamp(min=-1e4)), "leaves_infinity_alone"),
    infinity_times_zero: (processing, "leaves_infinity_alone"),
    everything_unlikely_goes: (processing, "leaves_infinity_alone"),
    equals_are_all_dropped: (processing, "leaves_infinity_alone"),
    a_mean_of_the_batch_is_taken_off: (processing, "keeps_rows_apart"),
    any_history_counts_for_all: (processing, "keeps_rows_apart"),
    numbers_are_dealt_from_the_last_row: (choosing, "equals_rows_one_by_one"),
    a_generator_of_its_own_draws_by_batch: (choosing, "equals_rows_one_by_one"),
    a_table_stays_on_the_cpu: (processing, "never_reads_the_device"),
    "another role is declared": (
        Nucleus,
        "is_what_its_spec_says",
        replace(SPEC, capabilities=frozenset({"chooser"})),
    ),
    "no role is declared": (Nucleus, "is_what_its_spec_says", replace(SPEC, capabilities=frozenset())),
    "a word is misspelt": (
        Nucleus,
        "declares_words_of_its_kind",
        replace(SPEC, capabilities=frozenset({"processer"})),
    ),
    an_item_is_read: (processing, "never_reads_the_device"),
    a_loop_over_tokens: (processing, "never_reads_the_device"),
    a_boolean_index: (processing, "never_reads_the_device"),
    "state of the module": (state_of_the_module(), "keeps_its_state_in_the_view"),
    one_state_for_all_rows: (processing, "keeps_its_state_in_the_view"),
    state_is_a_number: (processing, "keeps_its_state_in_the_view"),
    options_change: (processing, "keeps_its_state_in_the_view"),
    "state by place in the batch": (state_by_position(), "follows_its_rows"),
    a_history_is_needed: (processing, "takes_any_stop_and_any_number_of_tokens"),
    the_stop_token_is_needed: (processing, "takes_any_stop_and_any_number_of_tokens"),
    one_bound_for_all: (searching, "searches_within_its_bounds"),
    the_last_frame_stays_hidden: (filling, "fills_every_frame"),
    rows_are_filled_as_if_they_were_one: (filling, "fills_every_frame"),
    ten_tokens_are_needed: (processing, "takes_any_stop_and_any_number_of_tokens"),
}
"""Fault → how it is planted (None: it is a sampler itself), the check that must see it."""
PROCESS = {"leaves_the_process_alone"}
"""See test_process_faults."""

CASES = planted.cases("sampler", FAULTS, spec=SPEC)
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)


ROLES = {"processor": Nucleus, "chooser": Draw, "search": Best, "filler": Filling}


@pytest.mark.parametrize("role", ROLES)
def test_a_good_sampler_passes(role):
    report = suite.run("sampler", ROLES[role], spec=replace(SPEC, capabilities=frozenset({role})))
    assert report.ok, report.table()
    # Those of a search and of a filler alone; a search may look who has ended, and moves its rows itself.
    skipped = {"search": 3, "filler": 1}.get(role, 2)
    assert report.count("passed") == len(suite.checks_of("sampler", SPEC)) - skipped


def test_every_check_but_those_of_options_has_a_fault():
    checks = {check.__name__ for check in suite.checks_of("sampler", SPEC)}
    assert {fault.check for fault in CASES.values()} | PROCESS == checks - {
        "is_a_frozen_dataclass",
        "refuses_impossible_options",
    }
