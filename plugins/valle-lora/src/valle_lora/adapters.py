"""Adapters by themselves: begun on a model, saved without it, put on it again, alone or several, merged or not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor, nn

from valle_core.api import LoadedModel, PluginIdentity, Registry, RunFolder, UserError, load_model, save_checkpoint
from valle_core.reading.json_text import loads, read_bytes
from valle_core.reading.kinds import check_kinds
from valle_core.reading.place import inside
from valle_core.reading.tensors import read_tensors
from valle_lora.by_level import tell_levels
from valle_lora.options import LoraOptions, level_set, said
from valle_lora.parametrization import Adapter
from valle_lora.plugin import LORA
from valle_lora.rewrite import LoraRewrite, adapters_of, linear_layers
from valle_lora.rewrite import merge as merge_layer

FORMAT_VERSION = 1
_ORIGINAL, _ADAPTER = ".parametrizations.weight.original", ".parametrizations.weight."
_KINDS = {"format_version": int, "base": str, "arch": str, "rewrites": (dict,)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Saved:
    """An adapter as it lies in its folder.

    Attributes:
        base: hash of the weights it was trained on.
        arch: name of their backbone.
        rewrites: options of what was added, in order.
        tensors: `LAYER.0.lora_A` … of the adapters, `changed/NAME` of weights that were trained as a whole.
    """

    base: str
    arch: str
    rewrites: tuple[LoraOptions, ...]
    tensors: Mapping[str, Tensor]


def begin(model: Path, options: LoraOptions, out: Path, seed: int = 0) -> Path:
    """Write the model with a fresh adapter under `out`, a run folder of one checkpoint that says what the model says.

    Raises:
        UserError: no checkpoint, or nothing of it fits the targets or the levels.
    """
    loaded = _load(model)
    there = predicted(loaded)
    if beyond := (level_set(options.levels) or there) - there:
        raise UserError(f"levels must be among {said(there)}, which {model} predicts, got {said(beyond)}")
    torch.manual_seed(seed)
    loaded.model.backbone = LoraRewrite(options).apply(backbone_of(loaded))  # pyright: ignore[reportAttributeAccessIssue]
    return _write(loaded, [*_chain(loaded), options], out)


def save(run: Path, base: Path, out: Path) -> tuple[int, int]:
    """Write what `run` learnt on top of `base` into the folder `out`; returns numbers of adapters and other tensors.

    Raises:
        UserError: `run` is no model of that base: other symbols, languages, codes, arch, or no adapter more.
    """
    trained, start = _load(run), _load(base)
    for what in ("codec", "symbols", "languages"):
        if getattr(trained.manifest, what) != getattr(start.manifest, what):
            raise UserError(f"{run} has other {what} than {base}, so an adapter cannot hold it; keep the run whole")
    before, after = _chain(start), _chain(trained)
    if after[: len(before)] != before or _arch(trained) != _arch(start):
        raise UserError(f"{run} was not trained on {base}: its arch or its rewrites are others")
    tensors: dict[str, Tensor] = {}
    for name in linear_layers(backbone_of(trained)):
        had = len(adapters_of(backbone_of(start).get_submodule(name)))
        for number, adapter in enumerate(adapters_of(backbone_of(trained).get_submodule(name))[had:]):
            tensors |= {f"{name}.{number}.{key}": value.clone() for key, value in adapter.state_dict().items()}
    count = len(tensors) // 2
    old, new = (_plain(one.model.state_dict()) for one in (start, trained))
    changed = {name: value for name, value in new.items() if not torch.equal(value, old[name])}
    tensors |= {f"changed/{name}": value.contiguous() for name, value in changed.items()}
    if not tensors:
        raise UserError(f"{run} has the weights of {base}: there is nothing to save")
    about = {"format_version": FORMAT_VERSION, "base": fingerprint(start.model), "arch": _arch(start),
             "rewrites": [asdict(one) for one in after[len(before):]]}  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    save_file(tensors, out / "adapter.safetensors")
    (out / "adapter.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
    return count, len(changed)


def put_on(base: Path, adapters: Sequence[Path], scales: Sequence[float], out: Path, *, merge: bool) -> Path:
    """Write `base` with these adapters under `out`, as a run folder of one checkpoint.

    Args:
        base: the model that they were trained on.
        adapters: folders that `save` wrote; none merges what the model has already.
        scales: how much each counts.
        merge: add them to the weights, so that nothing is left to compute.

    Raises:
        UserError: one is damaged, of other weights, or changes a tensor that another changes too; or it is to be merged
            and acts at some levels only.
    """
    loaded = _load(base)
    mark, chain, changed = fingerprint(loaded.model), _chain(loaded), dict[str, Path]()
    for folder, scale in zip(adapters, scales, strict=True):
        saved = read(folder)
        if saved.base != mark:
            raise UserError(f"{folder} was trained on other weights than those of {base}, on a model of {saved.arch}")
        chain += add(loaded, saved, scale, folder, changed)
    if merge:
        merge_all(loaded)
        left = {said(one.levels) for one in backbone_of(loaded).modules() if isinstance(one, Adapter) and one.levels}
        if left:
            raise UserError(
                f"an adapter of levels {min(left)} alone cannot be merged into {base}, which predicts "
                f"{said(predicted(loaded))} with the same weights; leave --merge out"
            )
        chain = []
    return _write(loaded, chain, out)


def merge_all(loaded: LoadedModel) -> None:
    """Merge the adapters that act at all levels that the model predicts; others stay as they are."""
    backbone = backbone_of(loaded)
    for name in linear_layers(backbone):
        merge_layer(backbone.get_submodule(name), predicted(loaded))
    tell_levels(backbone)


def predicted(loaded: LoadedModel) -> frozenset[int]:
    """Levels that a model predicts."""
    parts, levels = loaded.model.parts, loaded.model.vocabulary.num_levels
    return frozenset(range(1 if parts == "nar" else 0, 1 if parts == "ar" else levels))


def read(folder: Path) -> Saved:
    """An adapter from its folder. Raises `UserError` where it is missing, damaged or of another format."""
    try:
        about = loads(read_bytes(inside(folder, "adapter.json")).decode("utf-8"))
        check_kinds(about, _KINDS)
        if about["format_version"] != FORMAT_VERSION:
            raise ValueError(f"its format is {about['format_version']}, {FORMAT_VERSION} is read")
        rewrites = tuple(LoraOptions(**{**one, "targets": tuple(one["targets"])}) for one in about["rewrites"])
        tensors = read_tensors(inside(folder, "adapter.safetensors"))
    except (OSError, ValueError, TypeError, KeyError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"{folder} is not an adapter ({why}); give what `valle adapter save` wrote") from None
    return Saved(base=about["base"], arch=about["arch"], rewrites=rewrites, tensors=tensors)


def fingerprint(model: nn.Module) -> str:
    """SHA-256 of all weights in float32, adapters included, by name."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().float().contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()


def add(loaded: LoadedModel, saved: Saved, scale: float, folder: Path, changed: dict[str, Path]) -> list[LoraOptions]:
    """Put one on a model; gives the options that stand for it in the chain. `changed` is what others changed whole.

    Raises:
        UserError: it does not fit, or changes what another changed.
    """
    backbone = backbone_of(loaded)
    had = {name: len(adapters_of(backbone.get_submodule(name))) for name in linear_layers(backbone)}
    if not 0 < scale < float("inf"):
        raise UserError(
            f"the scale of adapter {folder} must be above 0, got {scale:g}; leave the adapter out instead of 0"
        )
    scaled = [replace(one, alpha=one.alpha * scale) for one in saved.rewrites]
    for options in scaled:
        LoraRewrite(options).apply(backbone)
    places = dict(_places(backbone, had)) | {f"changed/{n}": p for n, p in _plain(loaded.model.state_dict()).items()}
    owed = {name for name in places if not name.startswith("changed/")}
    for name in owed | saved.tensors.keys():
        fits = name in places and name in saved.tensors and places[name].shape == saved.tensors[name].shape
        if not fits:
            raise UserError(f"{folder} does not fit this model: tensor '{name}' is missing or of another shape")
        if name.startswith("changed/") and (other := changed.setdefault(name, folder)) != folder:
            raise UserError(f"{folder} and {other} both change {name.removeprefix('changed/')}; give one of them")
        with torch.no_grad():
            places[name].copy_(saved.tensors[name])
    return scaled


def _places(backbone: nn.Module, had: Mapping[str, int]) -> Iterable[tuple[str, Tensor]]:
    for name in linear_layers(backbone):
        for number, adapter in enumerate(adapters_of(backbone.get_submodule(name))[had[name] :]):
            yield from ((f"{name}.{number}.{key}", value) for key, value in adapter.state_dict().items())


def _plain(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights without adapters, named as if there had never been any."""
    return {
        name.replace(_ORIGINAL, ".weight"): value
        for name, value in state.items()
        if name.endswith(_ORIGINAL) or _ADAPTER not in name
    }


def _load(path: Path) -> LoadedModel:
    return load_model(path, Registry.open(), device=torch.device("cpu"))


def backbone_of(loaded: LoadedModel) -> nn.Module:
    """The module whose layers have adapters."""
    backbone: Any = loaded.model.backbone
    return backbone


def _config(loaded: LoadedModel) -> dict[str, Any]:
    return yaml.safe_load((loaded.path / "model.yaml").read_text(encoding="utf-8"))


def _arch(loaded: LoadedModel) -> str:
    return _config(loaded)["arch"]["name"]


def _chain(loaded: LoadedModel) -> list[LoraOptions]:
    """Options of the adapters that a checkpoint has."""
    found = [one for one in _config(loaded).get("rewrite") or [] if one["name"].rpartition(":")[2] == LORA.name]
    known = {"rank", "alpha", "levels"}
    return [
        LoraOptions(**{key: one[key] for key in known & one.keys()}, targets=tuple(one["targets"])) for one in found
    ]


def _write(loaded: LoadedModel, chain: Sequence[LoraOptions], out: Path) -> Path:
    """The model under `out`, with these adapters in what it says of itself."""
    if out.exists() and any(out.iterdir()):
        raise UserError(f"{out} is not empty; choose another --out")
    config = _config(loaded)
    others = [one for one in config.get("rewrite") or [] if one["name"].rpartition(":")[2] != LORA.name]
    config["rewrite"] = [*others, *({"name": LORA.name, **asdict(one), "targets": [*one.targets]} for one in chain)]
    ours = PluginIdentity(
        kind="rewrite", name=LORA.name, distribution="valle-lora", version=version("valle-lora"), api=LORA.api
    )
    plugins = [
        one for one in loaded.manifest.plugins if (one.kind, one.name.rpartition(":")[2]) != ("rewrite", LORA.name)
    ]
    manifest = replace(loaded.manifest, plugins=(*plugins, *[ours] * len(chain)), progress={})
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=120)
    return save_checkpoint(RunFolder(out), manifest, text, {"model": loaded.model.state_dict()}, keep=0)
