"""YAML with the line of every value, read safely."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from valle_core.plugin import UserError

PLAIN_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


@dataclass(frozen=True, slots=True)
class Located:
    """A value and where it stands.

    Attributes:
        value: a scalar, a list of `Located`, or a dict from keys to `Located`.
        origin: `"file:line"`.
    """

    value: Any
    origin: str

    def plain(self) -> Any:
        """The value without locations."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value


def read_file(path: str | Path) -> Located:
    """The contents of a YAML file. Raises `UserError` with file and line for what cannot be read."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text, so it is no YAML file") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}. Give --config an existing YAML file") from error
    return read_text(text, str(path))


def read_text(text: str, name: str) -> Located:
    """As `read_file`, for text; `name` stands for the file in origins."""
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return Located({}, f"{name}:1")
        return _locate(loader, node, name, ())
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{name}:{line}: not valid YAML: {error.problem or error.context}") from error
    except UserError:
        raise
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"{name}: not valid YAML: {' '.join(str(error).split())}") from error
    finally:
        loader.dispose()


def _locate(loader: yaml.SafeLoader, node: yaml.Node, name: str, above: tuple[int, ...]) -> Located:
    origin = f"{name}:{node.start_mark.line + 1}"
    if id(node) in above:
        raise UserError(f"{origin}: not valid YAML: an anchor that contains itself")
    if not isinstance(node, yaml.ScalarNode) and node.tag not in PLAIN_TAGS:
        raise UserError(f"{origin}: not valid YAML: the tag {node.tag} is refused, only plain data is read")
    above = (*above, id(node))
    if isinstance(node, yaml.SequenceNode):
        return Located([_locate(loader, item, name, above) for item in node.value], origin)
    if not isinstance(node, yaml.MappingNode):
        return Located(loader.construct_object(node), origin)
    own = {key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"}
    if len(own) < sum(key.tag != "tag:yaml.org,2002:merge" for key, _ in node.value):
        _refuse_twice(node, name)
    loader.flatten_mapping(node)
    values: dict[Any, Located] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node)
        if not isinstance(key, str):
            raise UserError(f"{name}:{key_node.start_mark.line + 1}: keys are words, got {key!r}")
        value = _locate(loader, value_node, name, above)
        values[key] = Located(value.value, f"{name}:{key_node.start_mark.line + 1}")
    return Located(values, origin)


def _refuse_twice(node: yaml.MappingNode, name: str) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if key.value in seen:
            raise UserError(f"{name}:{key.start_mark.line + 1}: key '{key.value}' stands here a second time")
        seen.add(key.value)
