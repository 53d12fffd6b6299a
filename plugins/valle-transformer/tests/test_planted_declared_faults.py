"""The suite of backbones catches faults planted in copies of this one: weights and buffers, chance, declared words."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional
from valle_transformer.backbone import TransformerBackbone
from valle_transformer.layers import Layer
from valle_transformer.options import TransformerOptions
from valle_transformer.plugin import SPEC
from valle_transformer.positions import SinusoidalPositions

from valle_core.plugin import UserError
from valle_kit.attention_stack import stack as module
from valle_kit.key_value_cache import KeyValueCache
from valle_testing import planted, suite
from valle_testing.fakes.rule_kernel import RuleKernel
from valle_testing.suites.arch import checks as arch

SMALL = {"d_model": 32, "n_layers": 3, "n_heads": 4, "dropout": 0.3, "max_length": 24}


def made(kernel=None, made_of=TransformerBackbone):
    """A function that builds a small backbone with a (faulty) kernel."""
    return lambda **changes: made_of(TransformerOptions(**SMALL | changes), kernel or RuleKernel())


def forward(change):
    """Plants it around forward: `change(original, backbone, x, mask, positions, how)`."""

    class Faulty(TransformerBackbone):
        def forward(self, x, mask, positions, **how):
            return change(super().forward, self, x, mask, positions, how)

    return lambda patch: made(made_of=Faulty)


@forward
def a_table_is_made_on_the_cpu(run, self, x, mask, positions, how):
    return run(x + torch.zeros(x.shape[1], 1), mask, positions, **how)


@forward
def a_mean_runs_along(run, self, x, mask, positions, how):
    self.mean = 0.9 * getattr(self, "mean", 0.0) + 0.1 * float(x[:, 0].nan_to_num().mean())
    return run(x + 0.01 * self.mean, mask, positions, **how)


@forward
def a_compiled_graph_goes_another_way(run, self, x, mask, positions, how):
    return run(x * 1.01 if torch.compiler.is_compiling() else x, mask, positions, **how)


def dropout_has_a_generator_of_its_own(patch):
    own = torch.Generator().manual_seed(3)
    patch.setattr(
        Layer, "_drop", lambda self, x: x * (torch.rand(x.shape, generator=own) > 0.1) if self.training else x
    )
    return made()


def positions_count_from_the_start_of_the_call(patch):
    def added(self, x, positions):
        places = torch.arange(x.shape[1]).expand(x.shape[:2])
        return torch.addcmul(x, functional.embedding(places, self.table), self.scale)

    patch.setattr(SinusoidalPositions, "forward", added)
    return made()


def with_a_projection(hold):
    """Each backbone draws a random matrix, which `hold` keeps somewhere, and adds it to its states."""

    class Faulty(TransformerBackbone):
        def __init__(self, *given):
            super().__init__(*given)
            hold(self, torch.randn(1, 1, self.d_model))

        def finish(self, h):
            held = self.held
            return super().finish(h) + (held[0] if isinstance(held, list) else held).to(h)

    return lambda patch: made(made_of=Faulty)


SHARED = nn.Linear(32, 32)


def all_backbones_share_a_layer(patch):
    def build(**changes):
        backbone = made()(**changes)
        backbone.layers[1].attention.out = SHARED
        return backbone

    return build


def checkpoints_draw_dropout_anew(patch):
    true = module.checkpoint
    patch.setattr(module, "checkpoint", lambda *a, **how: true(*a, **how, preserve_rng_state=False))
    return made()


def checkpointing_does_nothing(patch):
    patch.setattr(module, "checkpoint", lambda run, *given, use_reentrant: run(*given))
    return made()


def rewinding_is_refused(patch):
    def rewind(self, lengths):
        raise UserError("no")

    patch.setattr(KeyValueCache, "rewind", rewind)
    return made()


def positions_stay_in_32_bits(patch):
    patch.setattr(
        SinusoidalPositions, "forward", lambda self, x, positions: x + self.table.float()[positions] * self.scale
    )
    return made()


def the_final_norm_gives_32_bits(patch):
    patch.setattr(TransformerBackbone, "finish", lambda self, h: self.norm(h).float())
    return made()


def good(patch):
    return made()


def less(*words):
    return replace(SPEC, capabilities=SPEC.capabilities - set(words))


FAULTS = {
    "a random matrix is not saved": (
        with_a_projection(lambda self, held: self.register_buffer("held", held, persistent=False)),
        "restores_from_its_state_dict",
    ),
    "weights are in a list": (
        with_a_projection(lambda self, held: setattr(self, "held", [nn.Parameter(held)])),
        "restores_from_its_state_dict",
    ),
    "a buffer is a plain attribute": (
        with_a_projection(lambda self, held: setattr(self, "held", held * 0)),
        "keeps_no_tensor_beside_its_buffers",
    ),
    "a buffer is in a list": (
        with_a_projection(lambda self, held: setattr(self, "held", [held * 0])),
        "keeps_no_tensor_beside_its_buffers",
    ),
    "a table is made on the CPU": (a_table_is_made_on_the_cpu, "stays_on_its_device"),
    "all backbones share a layer": (all_backbones_share_a_layer, "backbones_share_nothing"),
    "a mean runs along": (a_mean_runs_along, "keeps_nothing_between_calls"),
    "dropout has a generator of its own": (dropout_has_a_generator_of_its_own, "repeats_a_training_step_by_its_seed"),
    "tree is not declared": (good, "declares_the_masks_it_takes", less("tree")),
    "rewinding is not declared": (good, "rewinds_as_it_declares", less("rewind")),
    "rewinding is declared and refused": (rewinding_is_refused, "rewinds_as_it_declares"),
    "positions count from the start of the call": (positions_count_from_the_start_of_the_call, "orders_by_positions"),
    "checkpoints draw dropout anew": (checkpoints_draw_dropout_anew, "checkpoints_without_a_difference"),
    "checkpointing does nothing": (checkpointing_does_nothing, "checkpoints_without_a_difference"),
    "options cannot be changed": (lambda patch: lambda: made()(), "checkpoints_without_a_difference"),
    "a compiled graph goes another way": (a_compiled_graph_goes_another_way, "compiles_without_a_difference"),
    "positions stay in 32 bits": (positions_stay_in_32_bits, "runs_in_the_dtypes_it_declares"),
    "the final norm gives 32 bits": (the_final_norm_gives_32_bits, "runs_in_the_dtypes_it_declares"),
    "a word is misspelt": (good, "declares_words_of_its_kind", replace(SPEC, capabilities=frozenset({"rewinds"}))),
}
"""What is wrong → a function of `monkeypatch` that gives the builder, the check that must see it, another spec."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught(fault, monkeypatch, record_property):
    plant, check, *spec = FAULTS[fault]
    ((_, case),) = planted.cases("arch", {fault: (plant(monkeypatch), check, *spec)}, spec=SPEC).items()
    assert case.caught(record_property)


def test_every_check_of_modules_and_of_specs_has_a_fault():
    checks = (*arch.MODULE_CHECKS, *arch.SPEC_CHECKS, *suite.EVERY_SPEC)
    assert {check for _, check, *_ in FAULTS.values()} == {check.__name__ for check in checks}
