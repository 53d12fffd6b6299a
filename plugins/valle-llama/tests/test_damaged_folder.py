"""Folders of weights that are damaged or lie are read, or refused in one line; pipes are not waited for."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random

import pytest
from valle_llama.folder import save_folder

from valle_core.assemble.model import build_backbone
from valle_core.config.resolve import resolve
from valle_core.interfaces import Backbone
from valle_core.plugin import UserError
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry
from valle_core.training.config import TRAIN_SCHEMA
from valle_testing.damaged_files import mutate_json, mutate_safetensors

SMALL = (("arch", "llama"), ("arch.d_model", "16"), ("arch.n_layers", "1"), ("arch.n_heads", "2"))


def build(*flags: tuple[str, str]) -> Backbone:
    registry = Registry.open()
    resolved = resolve(TRAIN_SCHEMA, registry, flags=list(flags))
    return build_backbone(resolved, preflight(registry, resolved.choices(), device="cpu"))


def refusal(folder: Path) -> str:
    """What starting from a folder is refused with; "" where it is read."""
    try:
        build(("arch", "llama"), ("arch.weights", str(folder)))
    except UserError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = build(*SMALL)
    folder = tmp_path_factory.mktemp("llama")
    save_folder(made, made.sizes, folder)  # pyright: ignore[reportArgumentType, reportAttributeAccessIssue]
    assert refusal(folder) == ""
    return folder


@pytest.mark.parametrize(("name", "mutate"), [("config.json", mutate_json), ("model.safetensors", mutate_safetensors)])
def test_a_damaged_folder_is_read_or_refused_in_one_line(folder, name, mutate):
    kept = (folder / name).read_bytes()
    message = []
    for seed in range(20):
        (folder / name).write_bytes(mutate(kept, Random(seed)))
        message.append(refusal(folder))
        assert "\n" not in message[-1], f"seed {seed}"
    (folder / name).write_bytes(kept)
    assert any(message)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("num_hidden_layers", "1"),
        ("num_attention_heads", 0),
        ("head_dim", [8]),
        ("rope_parameters", 1),
        ("rope_parameters", {"rope_theta": "x"}),
    ],
)
def test_a_size_of_another_kind_is_refused_in_one_line(folder, key, value):
    kept = (folder / "config.json").read_text()
    (folder / "config.json").write_text(json.dumps({**json.loads(kept), key: value}))
    message = refusal(folder)
    (folder / "config.json").write_text(kept)
    assert "cannot start from" in message or "n_heads must be at least 1" in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_pipe_is_not_waited_for(folder, name, tmp_path):
    kept = (folder / name).rename(tmp_path / "kept")
    os.mkfifo(folder / name)
    assert str(folder) in refusal(folder)
    (folder / name).unlink()
    kept.rename(folder / name)
