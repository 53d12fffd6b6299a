"""Draws `docs/images/house.svg` from the import graph: the core's layers, the wings on it, and who imports whom.

python docs/house.py    # `make docs` runs it; the picture is committed
"""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

import grimp
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "house.svg"
WINGS = {
    "valle_cli": (4.2, 8.9, "valle\ncommands, Python API, demo"),
    "valle_data": (0.1, 7.3, "valle-data\nrecordings → datasets"),
    "valle_bench": (2.85, 7.3, "valle-bench\nbeside other libraries"),
    "valle_testing": (5.6, 7.3, "valle-testing\nsuites, fakes"),
    "valle_kit": (7.2, 6.0, "valle-kit\nblocks to build from"),
    "valle_language": (1.45, 5.3, "valle-language\nwritten forms, sentences"),
}
OF = {"valle": "valle_cli"}
"""Packages that share a distribution with another: the Python API is of the command line's."""
SIZE = (2.45, 0.85)
CORE = (0.1, 0.1, 8.9, 4.9)
PLUGINS = (11.3, 0.1, 2.6, 9.65)
INK, LINE, FILL, CORE_FILL = "#1b2733", "#6b7f93", "#eef3f8", "#dfe9f3"


def main() -> None:
    """Read the graph, draw, write."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    graph = grimp.build_graph(*settings["root_packages"])
    figure = Figure(figsize=(11.2, 8.0))
    FigureCanvasSVG(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-0.2, 14.2)
    axes.set_ylim(-0.2, 10.0)
    axes.axis("off")
    for x, y, label in WINGS.values():
        box(axes, x, y, *SIZE, label, FILL)
    core(axes, settings["contracts"][0]["layers"])
    x, y, width, height = PLUGINS
    box(axes, x, y, width, height, plugin_names(), FILL)
    for (user, used), count in sorted(edges(graph).items()):
        arrow(axes, user, used, count)
    from_plugins(axes)
    figure.savefig(PICTURE, metadata={"Date": None})
    print(f"wrote {PICTURE.relative_to(ROOT)}")


def edges(graph: grimp.ImportGraph) -> Counter[tuple[str, str]]:
    """How many imports lead from one distribution to another."""
    found: Counter[tuple[str, str]] = Counter()
    for module in graph.modules:
        for used in graph.find_modules_directly_imported_by(module):
            user, other = module.partition(".")[0], used.partition(".")[0]
            pair = (OF.get(user, user), OF.get(other, other))
            if pair[0] != pair[1] and pair != ("valle_data", "valle_testing"):  # fakes for its own tests
                found[pair] += 1
    return found


def box(axes: Axes, x: float, y: float, width: float, height: float, label: str, fill: str) -> None:
    """A room; the first line of its label is its name, and the others fit into it."""
    shape = FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0,rounding_size=0.12", fc=fill, ec=LINE, lw=1.2)
    axes.add_patch(shape)
    name, _, rest = label.partition("\n")
    axes.text(x + width / 2, y + height - 0.3, name, ha="center", va="center", color=INK, size=10.5, weight="bold")
    spacing = min(1.5, 6.3 * (height - 0.6) / (rest.count("\n") + 1))  # in heights of a line of this size
    text = {"ha": "center", "va": "top", "color": INK, "size": 8.5, "linespacing": spacing}
    axes.text(x + width / 2, y + height - 0.55, rest, **text)


def core(axes: Axes, layers: list[str]) -> None:
    """The core as its layers, as the contract of the import linter has them: imports only point down."""
    x, y, width, height = CORE
    box(axes, x, y, width, height, f"valle-core  ({lines():,} lines)", CORE_FILL)
    step = (height - 0.75) / len(layers)
    for depth, layer in enumerate(layers):
        top = y + height - 0.62 - step * depth
        shape = FancyBboxPatch(
            (x + 0.3, top - step + 0.05), width - 0.6, step - 0.09, boxstyle="round,pad=0,rounding_size=0.05",
            fc="white", ec=LINE, lw=0.7,
        )  # fmt: skip
        axes.add_patch(shape)
        text = layer.replace(" | ", "   ·   ")
        axes.text(x + width / 2, top - step / 2, text, ha="center", va="center", color=INK, size=8, family="monospace")


def lines() -> int:
    """Lines of the core, as the test of its size counts them, to the nearest hundred."""
    return round(sum(len(path.read_text("utf-8").splitlines()) for path in (ROOT / "valle_core").rglob("*.py")), -2)


def plugin_names() -> str:
    """The plugins of this repository, one a line."""
    wings = {name.replace("_", "-") for name in WINGS}
    found = sorted(path.parent.name for path in (ROOT / "plugins").glob("*/pyproject.toml"))
    return "\n".join(["plugins, ours and yours", *(name for name in found if name not in wings), "valle-…"])


def middle(name: str) -> tuple[float, float, float]:
    """Middle, lower and upper edge of a room."""
    if name == "valle_core":
        return CORE[0] + CORE[2] / 2, CORE[1], CORE[1] + CORE[3]
    x, y, _ = WINGS[name]
    return x + SIZE[0] / 2, y, y + SIZE[1]


def arrow(axes: Axes, user: str, used: str, count: int) -> None:
    """Points from who imports down to what is imported; the more imports the stronger."""
    x, low, _ = middle(user)
    to, _, high = middle(used)
    end = to if used != "valle_core" else min(max(x, CORE[0] + 0.4), CORE[0] + CORE[2] - 0.4)
    style = {"arrowstyle": "-|>", "color": LINE, "lw": 0.7 + min(count, 200) / 100, "shrinkA": 1, "shrinkB": 1}
    if user == "valle_cli" and used == "valle_core":
        return  # over the wings; said by the order of the rooms
    axes.annotate("", (end, high), (x, low), arrowprops=style)


def from_plugins(axes: Axes) -> None:
    """What a plugin may see: contracts of the core, kit and language."""
    x = PLUGINS[0]
    for name, height in (("valle_kit", 6.4), ("valle_language", 5.65), ("valle_core", 1.2)):
        to = CORE[0] + CORE[2] if name == "valle_core" else WINGS[name][0] + SIZE[0]
        style = {"arrowstyle": "-|>", "color": LINE, "lw": 1.4, "linestyle": "--"}
        axes.annotate("", (to, height), (x, height), arrowprops=style)
    axes.text(x - 0.12, 1.3, "contracts", ha="right", va="bottom", color=INK, size=8.5)


if __name__ == "__main__":
    main()
