"""Reads a Hugging Face folder that may be damaged or lie: safetensors only, no file outside of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from torch import Tensor, nn

from valle_core.plugin import UserError
from valle_core.reading.json_text import read_json
from valle_core.reading.kinds import describe, is_of
from valle_core.reading.place import inside, regular
from valle_core.reading.tensors import read_tensors
from valle_kit.hugging_face.layout import CONFIG, INDEX, WEIGHTS, FolderLayout


class FolderReader:
    """One folder. Everything it raises is a `UserError` that names the backbone, the folder and what is wrong."""

    def __init__(self, path: str | Path, layout: FolderLayout) -> None:
        self.path, self.layout = Path(path), layout

    def refuse(self, reason: str) -> UserError:
        """To raise: why the backbone cannot start from this folder."""
        return UserError(f"arch '{self.layout.arch}' cannot start from {str(self.path)!r}: {reason}")

    def _unreadable(self, name: str, error: Exception) -> UserError:
        return self.refuse(f"{name} cannot be read ({getattr(error, 'strerror', None) or error})")

    def config(self) -> dict[str, Any]:
        """What config.json says, with the `model_type` of the layout and only values it knows."""
        if not self.path.is_dir():
            raise self.refuse("there is no such folder")
        try:
            config = read_json(self._file(CONFIG), infinities=self.layout.infinities)
        except FileNotFoundError:
            written = f"{self.layout.model}.save_pretrained"
            raise self.refuse(f"it has no {CONFIG}; give a folder written by {written}") from None
        except (OSError, ValueError) as error:
            raise self._unreadable(CONFIG, error) from None
        kind = config.get("model_type") if isinstance(config, dict) else None
        if kind != (wanted := self.layout.model_type or self.layout.arch):
            raise self.refuse(f"its model_type is {kind!r}, not {wanted!r}")
        self.check_known(config)
        return config

    def check_known(self, config: Mapping[str, Any]) -> None:
        """Refuse variants of the model that the backbone is not."""
        for key, values in self.layout.known.items():
            if config.get(key) is not None and config[key] not in values:
                words = " or ".join(map(repr, values))
                raise self.refuse(f"its {key} is {config[key]!r}, arch '{self.layout.arch}' knows only {words}")

    def sizes(self, config: Mapping[str, Any], options: Any, *, free: Collection[str] = ()) -> dict[str, Any]:
        """The values of the layout's keys by their options' names, each of its option's type.

        An option left at its default takes what the folder says; one that was set must say the same, unless it is
        one of `free`.
        """
        kinds = get_type_hints(type(options))
        read = {ours: self.value(config, key, _kind(kinds[ours])) for ours, key in self.layout.keys.items()}
        self.check_agreement({name: value for name, value in read.items() if name not in free}, options)
        return read

    def value(self, config: Mapping[str, Any], key: str, kind: type, usual: Any = None) -> Any:
        """One value of config.json, of this kind; `usual` where it is absent or null."""
        found = config.get(key)
        found = usual if found is None else found
        if found is None:
            raise self.refuse(f"its {CONFIG} lacks {key!r}")
        if kind is int and isinstance(found, float) and found.is_integer():
            found = int(found)
        if not is_of(found, kind):
            raise self.refuse(f"its {key} is {found!r:.80}, not {describe(kind)}")
        return kind(found)

    def rope_theta(self, config: Mapping[str, Any], usual: float) -> float:
        """The base of plain rotary positions; other kinds of them are refused."""
        rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
        if not isinstance(rope, dict):
            raise self.refuse(f"its rope_parameters are {rope!r:.80}, not an object")
        kind = rope.get("rope_type", rope.get("type", "default"))
        if kind != "default":
            raise self.refuse(f"its rope_type is {kind!r}, arch '{self.layout.arch}' knows only 'default'")
        return self.value(rope, "rope_theta", float, self.value(config, "rope_theta", float, usual))

    def check_agreement(self, read: Mapping[str, Any], options: Any) -> None:
        """Refuse options that were set to something else than the folder says."""
        for field in fields(options):
            asked = getattr(options, field.name)
            if field.name in read and asked != field.default and asked != read[field.name]:
                raise self.refuse(f"it has {field.name} = {read[field.name]} and the options ask for {asked}")

    def weight_files(self) -> list[Path]:
        """The safetensors of the folder: one file, or those that its index lists; a path of one file is that file."""
        if self.path.is_file():
            return [self.path]
        names = [WEIGHTS]
        if not (self.path / WEIGHTS).exists():
            try:
                listed = read_json(self._file(INDEX))["weight_map"].values()
                names = list(dict.fromkeys(map(str, listed)))
            except FileNotFoundError:
                raise self.refuse(f"it has no {WEIGHTS}; pickled weights are not read, save as safetensors") from None
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise self._unreadable(INDEX, error) from None
        found = []
        for name in names:
            if Path(name).name != name or not name.endswith(".safetensors"):
                raise self.refuse(f"{INDEX} lists {name!r:.80}, not a safetensors file of the folder")
            found.append(self._found(name))
        return found

    def tensors(self) -> dict[str, Tensor]:
        """All tensors a backbone may have a use for, by the backbone's names."""
        found: dict[str, Tensor] = {}
        for file in self.weight_files():
            for stored, tensor in self._read(file).items():
                if (name := self.layout.name(stored)) is not None:
                    found[name] = tensor
        return found

    def tensors_of(self, file: str) -> dict[str, Tensor]:
        """All tensors of one file, by their stored names."""
        return self._read(self._found(file))

    def _found(self, name: str) -> Path:
        try:
            return self._file(name)
        except (OSError, ValueError) as error:
            raise self._unreadable(name, error) from None

    def _read(self, file: Path) -> dict[str, Tensor]:
        try:
            return read_tensors(file)
        except (OSError, ValueError) as error:
            raise self._unreadable(file.name, error) from None

    def fill(self, backbone: nn.Module, found: Mapping[str, Tensor], *, source: str = f"{CONFIG} says") -> None:
        """Copy tensors into a backbone's, in its type; refuse any that is missing, foreign, of another shape or
        quantised."""
        wanted = backbone.state_dict()
        if wanted.keys() != found.keys():
            odd = min(wanted.keys() ^ found.keys())
            raise self.refuse(f"tensor {odd!r} is {'missing' if odd in wanted else f'not one of {self.layout.arch}'}")
        for name, tensor in found.items():
            if tensor.shape != wanted[name].shape:
                raise self.refuse(f"{name} is {list(tensor.shape)}, {source} {list(wanted[name].shape)}")
            if wanted[name].is_floating_point() and not tensor.is_floating_point():
                kind = str(tensor.dtype).removeprefix("torch.")
                raise self.refuse(f"{name} holds {kind}, not floating-point numbers; give unquantised weights")
        for name, tensor in found.items():
            wanted[name].copy_(tensor)

    def _file(self, name: str) -> Path:
        """Where a file of the folder lies; a link out of it is followed only from the Hub's cache into its store.

        Raises `OSError` or `ValueError`, as `valle_core.reading.place.inside`.
        """
        revision = self.path.resolve()
        store = revision.parent.parent / "blobs"
        if revision.parent.name == "snapshots" and (self.path / name).resolve().parent == store:
            return regular(self.path / name)
        return inside(self.path, name)


def _kind(annotation: Any) -> type:
    """`int` of `int | None`, `str` of `Literal["a", "b"]`, a plain type of itself."""
    first = next(iter(get_args(annotation)), annotation)
    return first if isinstance(first, type) else type(first)
