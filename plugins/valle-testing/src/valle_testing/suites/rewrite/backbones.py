"""Backbones for the suite of rewrites to work on: a plain one, one rich in linear layers, one without any."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from valle_testing.fakes.backbone import FakeBackbone

D_MODEL = 32


def plain() -> FakeBackbone:
    """Two linear layers in each of two layers, with and without bias."""
    return FakeBackbone(d_model=D_MODEL, n_layers=2)


def rich() -> FakeBackbone:
    """Linear layers nested in sequences, of several shapes, beside norms and activations."""
    backbone = FakeBackbone(d_model=D_MODEL, n_layers=2)
    backbone.own = nn.ModuleList(
        nn.Sequential(
            nn.LayerNorm(D_MODEL),
            nn.Linear(D_MODEL, 3 * D_MODEL),
            nn.GELU(),
            nn.Sequential(nn.Linear(3 * D_MODEL, D_MODEL, bias=False)),
        )
        for _ in range(2)
    )
    return backbone


def bare() -> FakeBackbone:
    """Only norms: nothing that a rewrite of linear layers could replace."""
    backbone = FakeBackbone(d_model=D_MODEL, n_layers=2)
    backbone.own = nn.ModuleList(nn.Identity() for _ in range(2))
    backbone.seen = nn.ModuleList(nn.LayerNorm(D_MODEL) for _ in range(2))
    return backbone


BACKBONES: tuple[Callable[[], FakeBackbone], ...] = (plain, rich)
"""Those that must be rewritten."""
