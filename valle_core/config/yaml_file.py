"""YAML with the line of every value, read safely."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from valle_core.config.schema import Located
from valle_core.plugin import UserError

PLAIN_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
MERGE = "tag:yaml.org,2002:merge"
LONGEST = 1 << 20
"""Characters of a file; PyYAML reads about a million in ten seconds."""
MOST = 100_000
"""Values once all aliases are written out; ten lines of aliases of aliases would be millions."""


def read_file(path: str | Path) -> Located:
    """The contents of a YAML file. Raises `UserError` with file and line for what cannot be read."""
    try:
        with Path(path).open("rb") as file:  # perhaps a pipe, of `--config <(…)`
            text = file.read(4 * LONGEST + 1).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text, so it is not a YAML file") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}. Give --config an existing YAML file") from error
    except ValueError as error:  # a name with a zero in it
        raise UserError(f"cannot read {path!r}: {error}. Give --config an existing YAML file") from error
    return read_text(text, str(path))


def read_text(text: str, name: str) -> Located:
    """As `read_file`, for text; `name` stands for the file in origins."""
    if len(text) > LONGEST:
        raise UserError(f"{name}: not valid YAML: it has {len(text)} characters, more than the {LONGEST} that are read")
    if odd := _CONTROL.search(text):
        line = text.count("\n", 0, odd.start()) + 1
        raise UserError(f"{name}:{line}: not valid YAML: it holds the control character {odd[0]!r}")
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        return Located({}, f"{name}:1") if node is None else _Reader(loader, name).located(node, ())
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        reason = " ".join(str(error.problem or error.context).split())
        raise UserError(f"{name}:{line}: not valid YAML: {reason}") from error
    except RecursionError as error:
        raise UserError(f"{name}: not valid YAML: it nests too deep") from error
    except UserError:
        raise
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"{name}: not valid YAML: {' '.join(str(error).split())}") from error
    finally:
        loader.dispose()


_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Reader:
    """Nodes → located values, counted so that aliases of aliases end."""

    def __init__(self, loader: yaml.SafeLoader, name: str) -> None:
        self._loader, self._name = loader, name
        self._left = MOST

    def located(self, node: yaml.Node, above: tuple[int, ...]) -> Located:
        """A node's value; `above` are the nodes it lies in."""
        origin = self._origin(node)
        self._left -= 1
        if self._left < 0:
            raise UserError(f"{origin}: not valid YAML: its aliases stand for more than {MOST} values")
        if id(node) in above:
            raise UserError(f"{origin}: not valid YAML: an anchor that contains itself")
        if isinstance(node, yaml.ScalarNode):
            return Located(self._scalar(node), origin)
        if node.tag not in PLAIN_TAGS:
            raise UserError(f"{origin}: not valid YAML: the tag {node.tag} is refused, only plain data is read")
        above = (*above, id(node))
        if isinstance(node, yaml.SequenceNode):
            return Located([self.located(item, above) for item in node.value], origin)
        assert isinstance(node, yaml.MappingNode)
        return Located(self._mapping(node, above), origin)

    def _mapping(self, node: yaml.MappingNode, above: tuple[int, ...]) -> dict[str, Located]:
        """Own keys, over those that `<<` brings in; of several of these the first counts."""
        merged: dict[str, Located] = {}
        own: dict[str, Located] = {}
        for key_node, value_node in node.value:
            if key_node.tag == MERGE:
                for name, value in self._merged(value_node, above).items():
                    merged.setdefault(name, value)
                continue
            key = self._key(key_node)
            if key in own:
                raise UserError(f"{self._origin(key_node)}: key '{key}' stands here a second time")
            own[key] = Located(self.located(value_node, above).value, self._origin(key_node))
        return {**merged, **own}

    def _key(self, node: yaml.Node) -> str:
        key = self._scalar(node) if isinstance(node, yaml.ScalarNode) else [...]
        if not isinstance(key, str):
            raise UserError(f"{self._origin(node)}: keys are words, got {key!r:.80}")
        return key

    def _merged(self, node: yaml.Node, above: tuple[int, ...]) -> dict[str, Located]:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        found: dict[str, Located] = {}
        for one in nodes:
            if not isinstance(one, yaml.MappingNode):
                raise UserError(f"{self._origin(node)}: not valid YAML: << needs keys with values")
            for name, value in self.located(one, above).value.items():
                found.setdefault(name, value)
        return found

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        try:
            return self._loader.construct_object(node)
        except yaml.YAMLError:
            raise
        except (ValueError, KeyError, AttributeError, OverflowError, TypeError, IndexError) as error:
            kind = node.tag.rpartition(":")[2]
            raise UserError(
                f"{self._origin(node)}: not valid YAML: {node.value!r:.80} is not of type {kind}"
            ) from error

    def _origin(self, node: yaml.Node) -> str:
        return f"{self._name}:{node.start_mark.line + 1}"
