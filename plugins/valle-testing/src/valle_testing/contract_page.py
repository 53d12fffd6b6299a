"""Writes `docs/contracts.md` from the code: kinds, Protocols, data, hooks, and the checks that enforce each contract.

python -m valle_testing.contract_page docs/contracts.md        # or: make docs
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

from valle_core import command, interfaces, plugin, types
from valle_core.plugin import Kind, PluginSpec
from valle_core.registry import hooks
from valle_testing import suite
from valle_testing.contract import sentence_of
from valle_testing.kinds import every_kind

HEAD = """# Contracts

What a plugin of each kind must be able to do, with shapes, units and errors, and which check holds it to that.
`make docs` writes this page from `valle_core/interfaces.py`, `valle_core/types.py`, `valle_core/plugin.py`, the table
of kinds and the suites in `valle_testing.suites`; a test compares it with them. To change it, change those.
How to write a plugin: [plugin-tutorial.md](plugin-tutorial.md).

Letters of shapes: {letters}. `Float [B T D]` is a tensor of floating point numbers of that shape, `Int [B]` one of
integers.

What the user can fix is refused with `UserError`. {error}
"""


def page() -> str:
    """The whole page, the same in every process."""
    letters = " ".join(_doc(types).split("\n\n")[1].split())
    error = " ".join(_doc(plugin.UserError).split())
    parts = [HEAD.format(letters=letters, error=error), "## Kinds", "", *_kinds(), ""]
    classes = _classes(interfaces)
    waiting: list[ast.ClassDef] = []
    for node in classes:
        waiting.append(node)
        for kind in every_kind():
            if kind.interface.startswith(f"{interfaces.__name__}:") and _protocols(kind)[-1].__name__ == node.name:
                parts += _kind_section(kind, waiting)
                waiting = []
    if waiting:
        parts += ["## Other Protocols", "", *(line for node in waiting for line in _class_section(node))]
    for kind in every_kind():
        module = kind.interface.partition(":")[0]
        if kind.suite and kind.spec is PluginSpec and module != interfaces.__name__:
            parts += _kind_section(kind, _classes(importlib.import_module(module)))
    parts += ["## Data", "", *(line for node in _classes(types) for line in _class_section(node))]
    parts += ["## Specs", "", *(line for node in _specs() for line in _class_section(node))]
    parts += ["## Commands", "", *(line for node in _classes(command) for line in _class_section(node))]
    parts += ["## Hooks", "", f"{_doc(hooks.Specifications)}", "", *_members(_classes(hooks, "Specifications")[0]), ""]
    for kind in every_kind():
        if kind.suite and kind.spec is not PluginSpec:
            parts += [*_enforced(kind), ""]
    return "\n".join(parts).rstrip() + "\n"


def _kinds() -> Iterator[str]:
    yield from _table(
        ("kind", "entry-point group", "API", "factory or object", "owed by all", "words to declare"),
        (
            (
                f"`{kind.name}`",
                f"`{kind.group}`",
                str(kind.api),
                _made_by(kind),
                ", ".join(f"`{word}`" for word in sorted(kind.owed)),
                ", ".join(f"`{word}`" for word in sorted(kind.words)),
            )
            for kind in every_kind()
        ),
    )


def _made_by(kind: Kind) -> str:
    """The factory's signature, as the docstring beside the Protocol gives it."""
    if kind.spec is not PluginSpec:
        return f"`{kind.spec.__name__}`"
    module, _, name = kind.interface.partition(":")
    written = inspect.getsource(importlib.import_module(module))
    own = written[re.search(rf"^(?:class )?{name}\b", written, re.M).start() :]  # type: ignore[union-attr]
    found = re.search(r"Factory: `([^`]+)`", own)
    return f"`{' '.join(found[1].split())}`" if found else ""


def _protocols(kind: Kind) -> tuple[type, ...]:
    module, _, name = kind.interface.partition(":")
    protocol = getattr(importlib.import_module(module), name)
    return get_args(protocol) or (protocol,)


def _kind_section(kind: Kind, nodes: list[ast.ClassDef]) -> Iterator[str]:
    yield f"## The kind `{kind.name}`"
    yield ""
    for node in nodes:
        yield from _class_section(node)
    yield from _enforced(kind)
    yield ""


def _enforced(kind: Kind) -> Iterator[str]:
    """The checks of a kind."""
    yield f"### Enforced for `{kind.name}`"
    yield ""
    floor = f"at least {kind.floor} of its checks must pass"
    yield f"Suite `{kind.suite}`; {floor}. `valle plugins check NAME --kind {kind.name}` runs them."
    yield ""
    always = suite.checks_of(kind.name)
    blank = PluginSpec(kind=kind.name, name="", api=kind.api, summary="", factory="", options="")
    declared = [check for check in suite.checks_of(kind.name, blank) if check not in always]
    rows = [_check_row(check, "") for check in always] + [_check_row(check, " (with the spec)") for check in declared]
    yield from _table(("check", "what the contract says", "what it tries"), rows)


def _check_row(check: Callable[..., None], note: str) -> tuple[str, str, str]:
    tries = " ".join(_doc(check).split("\n\n")[0].split())
    sentence = sentence_of(check)
    return f"`{check.__name__}`{note}", sentence if "contract" in vars(check) else "", tries


def _specs() -> list[ast.ClassDef]:
    return [node for node in _classes(plugin) if node.name != plugin.UserError.__name__]


def _classes(module: Any, *names: str) -> list[ast.ClassDef]:
    body = ast.parse(inspect.getsource(module)).body
    return [node for node in body if isinstance(node, ast.ClassDef) and (not names or node.name in names)]


def _class_section(node: ast.ClassDef) -> Iterator[str]:
    text, _ = _split(ast.get_docstring(node) or "")
    yield f"### {node.name}"
    yield ""
    yield text
    yield ""
    rows = list(_members(node))
    if rows:
        yield from rows
        yield ""


def _members(node: ast.ClassDef) -> Iterator[str]:
    """A table of what a class has: fields, properties and methods."""
    _, meanings = _split(ast.get_docstring(node) or "")
    rows = []
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            default = f" = {ast.unparse(item.value)}" if item.value else ""
            name = item.target.id
            rows.append((f"`{name}`", _code(_shape(ast.unparse(item.annotation)) + default), meanings.get(name, "")))
        elif isinstance(item, ast.FunctionDef) and _is_property(item):
            rows.append((f"`{item.name}`", _code(_returned(item)), meanings.get(item.name, "")))
        elif isinstance(item, ast.FunctionDef) and (item.name == "__call__" or not item.name.startswith("_")):
            rows.append(
                (f"`{item.name}()`", _code(_signature(item)), " ".join((ast.get_docstring(item) or "").split()))
            )
    if rows:
        yield from _table(("member", "type", "meaning"), rows)


def _is_property(item: ast.FunctionDef) -> bool:
    return any(isinstance(mark, ast.Name) and mark.id == "property" for mark in item.decorator_list)


def _signature(item: ast.FunctionDef) -> str:
    arguments = ast.unparse(item.args).removeprefix("self, ").removeprefix("cls, ").removeprefix("self")
    return f"({_shape(arguments)}) → {_returned(item)}"


def _returned(item: ast.FunctionDef) -> str:
    return _shape(ast.unparse(item.returns)) if item.returns else "None"


def _shape(annotation: str) -> str:
    """`Float[Tensor, 'B T D']` → `Float [B T D]`, a scalar → `Float []`."""
    return re.sub(r"\b([A-Z]\w+)\[Tensor, '([^']*)'\]", r"\1 [\2]", annotation)


def _split(docstring: str) -> tuple[str, dict[str, str]]:
    """The text of a docstring and what its `Attributes:` say, by name."""
    text, _, attributes = docstring.partition("\nAttributes:\n")
    meanings: dict[str, str] = {}
    name = ""
    for line in attributes.splitlines():
        if found := re.match(r"    (\w+): (.*)", line):
            name = found[1]
            meanings[name] = found[2]
        elif name and line.strip():
            meanings[name] += f" {line.strip()}"
    return text.strip(), meanings


def _doc(thing: Any) -> str:
    return inspect.cleandoc(thing.__doc__ or "")


def _code(text: str) -> str:
    return f"`{text}`"


def _table(head: tuple[str, ...], rows: Any) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def main(argv: list[str]) -> int:
    """Write the page to the file that is named, or to stdout."""
    if argv:
        Path(argv[0]).write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
