"""Draws the row of every task: `docs/images/rows-light.svg` and `rows-dark.svg`.

python docs/layouts.py    # `make docs` runs it; a test compares the pictures with what this draws

The order of each row is that of `plugins/valle-tasks/tests/layouts.txt` (layout `text-last`), which a test of the tasks
compares with what they compose.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

DOCS = Path(__file__).parent
IMAGES = DOCS / "images"
SNAPSHOT = DOCS.parent / "plugins" / "valle-tasks" / "tests" / "layouts.txt"
LAYOUT = "text-last"
FONT = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif"
ALT = "The row of each task: language and level, what the task reads, its own token, and the answer, in order"

WIDTHS = {"language": 66, "level": 48, "tone": 48, "prompt": 150, "source": 190, "text": 120, "letters": 190}
RESPONSE = 170
NAME, ROW, HEIGHT, GAP = 74, 40, 26, 3
ORDER = ("tts", "tts-c", "ns", "sr", "tse", "vc", "cse", "nse", "len", "stt", "phn", "un-phn")

SAID = {
    "ns": {"source": ("noisy recording",), "response": ("clean codes",)},
    "sr": {"source": ("noisy recording",), "response": ("codes of the noise",)},
    "tse": {"prompt": ("enrolment",), "source": ("two speakers",), "response": ("one of them",)},
    "vc": {"prompt": ("target voice",), "source": ("source, partly hidden",), "response": ("the words in that voice",)},
    "cse": {"source": ("before", "after"), "text": ("edited text",), "response": ("what stands between",)},
    "nse": {
        "source": ("before, noisy", "after, noisy"),
        "text": ("edited text",),
        "response": ("what stands between",),
    },
    "len": {"response": ("0, digits, stop",)},
    "stt": {"source": ("recording",), "response": ("phonemes, stop",)},
    "phn": {"letters": ("written text",), "response": ("phonemes, stop",)},
    "un-phn": {"text": ("phonemes",), "response": ("letters, stop",)},
    "tts-c": {"prompt": ("its beginning",), "response": ("the rest",)},
}
"""Task → role → what its segments are called, in order; the role itself where nothing is said."""

EMPTY = {
    "ns": {"prompt"},
    "sr": {"prompt", "text"},
    "tse": {"text"},
    "vc": {"text"},
    "cse": {"prompt"},
    "nse": {"prompt"},
    "stt": {"text", "prompt"},
    "phn": {"text", "prompt"},
    "un-phn": {"prompt"},
}
"""Roles that hold nothing in any row of a task; their separator stays, and is not drawn."""

THEMES = {
    "light": {"ink": "#1b2733", "marker": "#e6ebf1", "read": "#cfe0f2", "said": "#dff3ee", "token": "#f6dcc6",
              "answer": "#bfe3c8"},
    "dark": {"ink": "#e6edf3", "marker": "#2a333d", "read": "#274058", "said": "#123a35", "token": "#5a3a1d",
             "answer": "#245233"},
}  # fmt: skip
COLOUR = {"language": "marker", "level": "marker", "tone": "marker", "prompt": "read", "source": "read",
          "text": "said", "letters": "said", "response": "answer"}  # fmt: skip


def main() -> None:
    """Draw for light and dark pages."""
    for name in THEMES:
        path = IMAGES / f"rows-{name}.svg"
        path.write_text(picture(name), encoding="utf-8")
        print(f"wrote docs/images/{path.name}")


def orders() -> dict[str, list[str]]:
    """Task → the roles of its row, its token in brackets."""
    found = {}
    for line in SNAPSHOT.read_text(encoding="utf-8").splitlines():
        task, layout, row = line.split(maxsplit=2)
        if layout == LAYOUT:
            found[task] = row.partition(" → ")[0].split(" · ")
    return found


def picture(theme: str) -> str:
    """One row under the other, as SVG."""
    colours, rows = THEMES[theme], orders()
    shapes, widest = [], 0
    for number, task in enumerate(ORDER):
        x, y = NAME, number * ROW + 8
        shapes.append(words(8, y + 18, task, colours["ink"], anchor="start", weight=600))
        said = {role: list(names) for role, names in SAID.get(task, {}).items()}
        for role in rows[task]:
            if role in EMPTY.get(task, ()):
                continue
            token = role.startswith("[")
            width = 58 if token else RESPONSE if role == "response" else WIDTHS[role]
            label = said[role].pop(0) if said.get(role) else role
            fill = colours["token" if token else COLOUR[role]]
            shapes.append(f'<rect x="{x}" y="{y}" width="{width}" height="{HEIGHT}" rx="5" fill="{fill}"/>')
            shapes.append(words(x + width / 2, y + 18, label, colours["ink"]))
            x += width + GAP
        widest = max(widest, x)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {widest + 8} {len(ORDER) * ROW + 8}" '
        f'font-family="{FONT}" font-size="13" role="img" aria-label="{escape(ALT)}">\n'
        + "\n".join(shapes)
        + "\n</svg>\n"
    )


def words(x: float, y: float, text: str, colour: str, *, anchor: str = "middle", weight: int = 400) -> str:
    """A line of text."""
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-weight="{weight}" fill="{colour}">{escape(text)}</text>'
    )


if __name__ == "__main__":
    main()
