"""Draws how speech is made, and where each kind of plugin sits: `docs/images/flow-light.svg` and `flow-dark.svg`.

python docs/flow.py    # `make docs` runs it; the pictures are committed, and a test compares them with what this draws
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

IMAGES = Path(__file__).parent / "images"
WIDTH, HEIGHT = 1180, 590
FONT = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif"
ALT = (
    "Text goes through a frontend to phonemes, a voice prompt through a codec to codes; a task lays both out as a row; "
    "the AR half writes level 0 token by token, the NAR half the other levels; the codec turns codes into speech"
)
LEVELS, PROMPT_FRAMES, FRAMES = 8, 6, 14
CELL = 13


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of one picture: `plugin` and `core` are pairs of fill and edge."""

    name: str
    ink: str
    soft: str
    line: str
    plugin: tuple[str, str]
    core: tuple[str, str]
    prompt: str
    first: str
    others: str


LIGHT = Theme(
    name="light", ink="#1b2733", soft="#52616f", line="#7b8a99", plugin=("#dff3ee", "#0f766e"),
    core=("#f1f4f8", "#9aa8b6"), prompt="#8fa3b8", first="#c2570c", others="#0f766e",
)  # fmt: skip
DARK = Theme(
    name="dark", ink="#e6edf3", soft="#a3b0bd", line="#8b98a6", plugin=("#123a35", "#4fc4b1"),
    core=("#1c232c", "#5d6b79"), prompt="#6f8296", first="#f0883e", others="#4fc4b1",
)  # fmt: skip


def main() -> None:
    """Draw for light and dark pages."""
    for theme in (LIGHT, DARK):
        path = IMAGES / f"flow-{theme.name}.svg"
        path.write_text(picture(theme), encoding="utf-8")
        print(f"wrote docs/images/{path.name}")


@dataclass(slots=True)
class Canvas:
    """Shapes in the colours of a theme, in the order they were drawn."""

    theme: Theme
    shapes: list[str] = field(default_factory=list)

    def text(
        self, x: float, y: float, words: str, *, size: int = 15, weight: int = 400, anchor: str = "middle"
    ) -> None:
        """Words with their baseline at y."""
        colour = self.theme.ink if weight > 400 else self.theme.soft
        self.shapes.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" '
            f'fill="{colour}">{escape(words)}</text>'
        )

    def box(
        self, x: float, y: float, width: float, height: float, *, plugin: bool, title: str, lines: str = ""
    ) -> None:
        """A rounded box with a title and smaller lines under it."""
        fill, edge = self.theme.plugin if plugin else self.theme.core
        self.shapes.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="9" fill="{fill}" stroke="{edge}" '
            'stroke-width="1.5"/>'
        )
        self.text(x + width / 2, y + 23, title, weight=650)
        for place, line in enumerate(filter(None, lines.split("\n"))):
            self.text(x + width / 2, y + 43 + 18 * place, line, size=13)

    def tags(self, x: float, y: float, names: str) -> None:
        """Kinds of plugins as small labels in a line."""
        fill, edge = self.theme.plugin
        for name in names.split():
            width = 7.3 * len(name) + 16
            self.shapes.append(
                f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="24" rx="12" fill="{fill}" stroke="{edge}"/>'
            )
            self.text(x + width / 2, y + 16.5, name, size=13, weight=550)
            x += width + 7

    def arrow(self, *points: tuple[float, float]) -> None:
        """A line through the points, with a head at the last."""
        path = " L".join(f"{x:g} {y:g}" for x, y in points)
        self.shapes.append(
            f'<path d="M{path}" fill="none" stroke="{self.theme.line}" stroke-width="1.8" marker-end="url(#head)"/>'
        )

    def cell(self, x: float, y: float, colour: str, opacity: float = 1.0) -> None:
        """One code."""
        self.shapes.append(
            f'<rect x="{x:g}" y="{y:g}" width="{CELL - 2}" height="{CELL - 2}" rx="2" fill="{colour}" '
            f'fill-opacity="{opacity:g}"/>'
        )

    def wave(self, x: float, y: float, width: float, phase: float) -> None:
        """Something that looks like speech."""
        for place in range(int(width // 5)):
            size = 4 + 16 * abs(math.sin(place * 0.37 + phase) * math.sin(place * 0.113 + phase * 2))
            left = x + 5 * place
            self.shapes.append(
                f'<line x1="{left:g}" x2="{left:g}" y1="{y - size:.1f}" y2="{y + size:.1f}" stroke="{self.theme.soft}" '
                'stroke-width="2.4" stroke-linecap="round"/>'
            )


def picture(theme: Theme) -> str:
    """The whole picture as SVG."""
    canvas = Canvas(theme)
    inputs(canvas)
    halves(canvas)
    outputs(canvas)
    around(canvas)
    head = (
        f'<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 L10 5 L0 10 z" fill="{theme.line}"/></marker>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="{FONT}">\n'
        f"<title>How valle makes speech</title>\n<desc>{escape(ALT)}</desc>\n<defs>{head}</defs>\n"
        + "\n".join(canvas.shapes)
        + "\n</svg>\n"
    )


def inputs(canvas: Canvas) -> None:
    """Text and prompt, as far as the row the task lays out."""
    canvas.text(86, 74, "“Any text.”", size=17, weight=650)
    canvas.text(86, 96, "what to say", size=13)
    canvas.wave(30, 252, 115, 0.4)
    canvas.text(86, 296, "voice.wav", size=17, weight=650)
    canvas.text(86, 318, "whose voice", size=13)
    canvas.arrow((150, 78), (186, 78))
    canvas.arrow((152, 252), (186, 252))
    canvas.box(190, 46, 128, 66, plugin=True, title="frontend", lines="text → phonemes")
    canvas.box(190, 220, 128, 66, plugin=True, title="codec", lines="sound → codes")
    for place, symbol in enumerate("ɛnitɛkst"):
        canvas.text(352 + 15 * place, 84, symbol, size=16, weight=550)
    for frame in range(PROMPT_FRAMES):
        for level in range(LEVELS):
            canvas.cell(366 + CELL * frame, 201 + CELL * level, canvas.theme.prompt, 1 - 0.08 * level)
    canvas.arrow((318, 78), (338, 78))
    canvas.arrow((318, 252), (358, 252))
    canvas.box(340, 126, 128, 48, plugin=True, title="task", lines="")
    canvas.text(404, 167, "lays out the row", size=12)
    canvas.arrow((404, 94), (404, 122))
    canvas.arrow((404, 198), (404, 178))


def halves(canvas: Canvas) -> None:
    """The two halves of the model."""
    canvas.arrow((468, 150), (506, 150), (506, 96), (526, 96))
    canvas.arrow((468, 150), (506, 150), (506, 272), (526, 272))
    canvas.box(
        530, 30, 322, 132, plugin=False, title="AR: level 0, token by token", lines="a causal row, until the stop token"
    )
    canvas.tags(548, 88, "arch attention rewrite")
    canvas.tags(548, 122, "sampler alignment draft")
    canvas.box(
        530,
        208,
        322,
        132,
        plugin=False,
        title="NAR: the other levels, one pass each",
        lines="a full row: every frame sees every frame",
    )
    canvas.tags(548, 266, "arch attention rewrite")
    canvas.tags(548, 300, "sampler")
    canvas.arrow((691, 162), (691, 204))
    canvas.text(700, 189, "level 0", size=13, anchor="start")


def outputs(canvas: Canvas) -> None:
    """The codes of the answer, and the way to sound."""
    left, top = 890, 128
    canvas.text(left + CELL * FRAMES / 2, top - 12, "codes: frames × levels", size=13)
    for frame in range(FRAMES):
        canvas.cell(left + CELL * frame, top, canvas.theme.first)
        for level in range(1, LEVELS):
            canvas.cell(left + CELL * frame, top + CELL * level, canvas.theme.others, 1 - 0.09 * level)
    canvas.arrow((852, 96), (872, 96), (872, top + 5), (886, top + 5))
    canvas.arrow((852, 272), (872, 272), (872, top + 58), (886, top + 58))
    canvas.arrow((left + 91, top + CELL * LEVELS + 4), (left + 91, 264))
    canvas.box(917, 268, 128, 66, plugin=True, title="codec", lines="codes → sound")
    canvas.arrow((1045, 301), (1075, 301), (1075, 326))
    canvas.box(1056, 330, 108, 54, plugin=True, title="hooks", lines="watermark, …")
    canvas.arrow((1056, 357), (1024, 357))
    canvas.wave(900, 357, 118, 1.3)
    canvas.text(958, 399, "speech.wav", size=17, weight=650)


def around(canvas: Canvas) -> None:
    """What makes a model and judges it, and the legend."""
    y = 444
    canvas.text(30, y + 32, "your recordings", size=15, weight=650, anchor="start")
    canvas.arrow((150, y + 27), (186, y + 27))
    canvas.box(190, y, 150, 54, plugin=True, title="recognizer", lines="if texts are missing")
    canvas.arrow((340, y + 27), (372, y + 27))
    canvas.box(376, y, 168, 54, plugin=False, title="valle prepare", lines="→ phonemes and codes")
    canvas.arrow((544, y + 27), (576, y + 27))
    canvas.box(580, y, 190, 54, plugin=False, title="valle train", lines="the same task, the same row")
    canvas.tags(574, y + 62, "optimizer schedule loss")
    canvas.arrow((770, y + 27), (802, y + 27))
    canvas.text(848, y + 32, "a model", size=15, weight=650)
    canvas.box(917, y, 128, 54, plugin=True, title="metric", lines="valle eval")
    canvas.arrow((958, 408), (958, y - 4))
    fill, edge = canvas.theme.plugin
    canvas.shapes.append(f'<rect x="30" y="547" width="30" height="20" rx="6" fill="{fill}" stroke="{edge}"/>')
    canvas.text(
        70,
        562,
        "a kind of plugin: found by name, replaced by yours; so are commands, and kinds themselves",
        size=13,
        anchor="start",
    )
    fill, edge = canvas.theme.core
    canvas.shapes.append(f'<rect x="650" y="547" width="30" height="20" rx="6" fill="{fill}" stroke="{edge}"/>')
    canvas.text(690, 562, "what valle itself does", size=13, anchor="start")


if __name__ == "__main__":
    main()
