"""The field's words: terms that were replaced do not come back, range errors have one form, hints lead somewhere."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import valle_core.types
from valle_core.registry.registry import Registry

ROOT = Path(__file__).parents[2]
OUTSIDE = re.compile(
    r"^(CHANGELOG\.md|\.venv|demo/|tests/golden/|tests/architecture/test_words|docs/adr/|benchmarks/results/.*json"
    r"|plugins/valle-corpus/src/valle_corpus/sentences/|plugins/valle-language/(src|tests)/)|/\.|node_modules"
)
"""Files made of sentences of any content, old formats, and decisions as they were written."""

TERMS = {
    r"\b[Mm]end(s|ed|ing)?\b": "fix or hint",
    r"\b[Pp]eers?\b": "reference (implementation)",
    r"\bHeardSegment\b": "RecognizedSegment",
    r"\bnothing-heard\b": "no-speech",
    r"\bof every draw\b": "random seed",
    r"\bspeak with them\b": "synthesize speech with them",
    r"\bLook after (plugins|datasets)\b": "manage, inspect",
}
"""Anywhere: pattern → what is said instead."""

NAMES = {
    "": {
        "mend": "hint", "ear": "transcriber", "Ear": "Transcriber", "Heard": "Transcription", "hear": "transcribe",
        "peer": "reference", "peers": "references", "Answers": "ModelOutput", "Lot": "BatchIds",
        "RowRules": "RowSettings", "Equipment": "PreparationComponents", "equipment": "components",
        "check_claim": "check_settings", "_claim": "_write_settings", "looked": "a noun", "leaving": "removed",
        "PieceStack": "Stack", "PieceStream": "StackStream",
    },
    "benchmarks/src/": {"side": "implementation", "sides": "implementations", "subject": "candidate", "Row": "Result"},
    "valle_core/": {"Voice": "SynthesisComponents", "Row": "IndexEntry", "_leave": "_after_audio"},
    "plugins/valle-data/": {"untouched": "unchanged", "Row": "IndexEntry"},
    "plugins/valle-attention-": {"Plan": "what it is a plan of"},
    "valle_core/config/": {"Chooser": "PluginSelector"},
    "valle_core/data/": {"Plan": "EpochBatches"},
}  # fmt: skip
"""Identifiers, by the folder they are in: name → what it is called instead."""

MESSAGES = {
    r"\b(is|are) none\b(?! of)": "X must be at least 1, got …",
    r"(?<!there )\bis no (?!longer\b|more\b)[a-z]+": "is not a …",
    r"\b(needs to be|but must|must lie|should lie)\b": "X must be …, got …",
    r"\bmust be positive\b": "must be above 0",
    r"\bmust [^\"]*, found\b": "X must be …, got …",
    r"pip install (-U )?'?valle-(?!\{)": "valle plugins install valle-…",
    r"(?<![-.\w])([a-z]+) \1\b": "a word twice",
    r"\bof an? of an?\b": "of what it is",
    r"\bmust be in \[[^\]]*\[": "in [a, b], without a list in it",
    r"\b(hears?|heard|ears?|mend(s|ed)?|peers?|judges?|dealt|claims?|equipment)\b": "transcribe, fix, evaluate …",
    r"\bnobody\b(?! can be asked)": "no speaker, no plugin …",
    r"\b(says?|speaks?) (nothing|its|them|it|one)\b|nothing to say|\bis said\b": "has no words, synthesizes, reads …",
}
"""In the text of an error: pattern → the form it has instead."""

NAMED_BY_SYSTEM = {"FileNotFoundError", "FileExistsError", "PermissionError", "IsADirectoryError", "IOError"}
RANGE = re.compile(r"(?P<what>.*)\bmust be (in [\[(]|at least \S|at most \S|above \S|below \S)")


def files(*endings: str) -> Iterator[Path]:
    folders = ("valle_core", "cli", "plugins", "benchmarks", "docs", "tests")
    for path in sorted([*ROOT.glob("*"), *(path for folder in folders for path in (ROOT / folder).rglob("*.*"))]):
        if path.suffix in endings and path.is_file() and not OUTSIDE.search(named(path)):
            yield path


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def shipped(path: Path) -> bool:
    return "tests" not in path.relative_to(ROOT).parts


def names_in(text: str) -> set[str]:
    return {token.string for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == 1}


def errors_in(nodes: list[ast.AST]) -> list[str]:
    """The text of every error that is made, `{}` for what is put in."""
    found = []
    for node in nodes:
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id.endswith(("Error", "refuse"))
        ):
            found += ["".join(_parts(argument)) for argument in node.args]
    return found


def _parts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        for value in node.values:
            yield from _parts(value) if isinstance(value, ast.Constant) else ("{}",)
    elif isinstance(node, ast.BinOp):
        yield from _parts(node.left)
        yield from _parts(node.right)


def system_errors_in(nodes: list[ast.AST]) -> list[str]:
    """Errors of the system that are shown as they are: `[Errno 2] No such file …`, the path a second time."""
    found = []
    for node in nodes:
        if isinstance(node, ast.ExceptHandler) and node.name and node.type:
            names = {getattr(part, "id", getattr(part, "attr", "")) for part in ast.walk(node.type)}
            if any(name in NAMED_BY_SYSTEM or name.startswith("OS") for name in names):
                shown = [part.value for part in ast.walk(node) if isinstance(part, ast.FormattedValue)]
                plain = [one for one in shown if isinstance(one, ast.Name) and one.id == node.name]
                found += [f"line {one.lineno}: {{{node.name}}}: show its strerror" for one in plain]
    return found


def complaints_about_errors(text: str) -> list[str]:
    nodes = list(ast.walk(ast.parse(text)))
    found = system_errors_in(nodes)
    for message in errors_in(nodes):
        found += [f"{message!r}: {better}" for pattern, better in MESSAGES.items() if re.search(pattern, message)]
        shape = RANGE.match(message)
        if shape and shape["what"].strip() and ", got " not in message:
            found.append(f"{message!r}: X must be …, got …")
    return found


def test_replaced_terms_do_not_come_back():
    found = [
        f"{named(path)}:{number}: {better}: {line.strip()[:90]}"
        for path in files(".py", ".pyi", ".md", ".toml", ".txt")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        for pattern, better in TERMS.items()
        if re.search(pattern, line)
    ]
    assert not found, "\n".join(found)


def test_replaced_identifiers_do_not_come_back():
    found = []
    for path in files(".py"):
        here = names_in(path.read_text(encoding="utf-8"))
        for folder, words in NAMES.items():
            if named(path).startswith(folder) and (shipped(path) or not folder):
                found += [f"{named(path)}: {word} is called {words[word]}" for word in sorted(here & set(words))]
    assert not found, "\n".join(found)


def test_errors_have_the_forms_that_were_agreed():
    found = [
        f"{named(path)}: {complaint}"
        for path in filter(shipped, files(".py"))
        for complaint in complaints_about_errors(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


def test_nothing_tells_to_install_what_is_not_published():
    found = [
        f"{named(path)}:{number}: {line.strip()[:90]}"
        for path in filter(shipped, files(".py", ".md"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(r"pip install (-[-\w]+ )*['\"]?valle-[a-z]", line)
    ]
    assert not found, "\n".join(found)


def test_folders_that_hints_install_from_are_there():
    for path in files(".py", ".md"):
        for folder in re.findall(r"\./(plugins/valle-[a-z-]+)", path.read_text(encoding="utf-8")):
            assert shipped(path) is False or (ROOT / folder / "pyproject.toml").is_file(), f"{named(path)}: {folder}"


@pytest.mark.parametrize(
    "text",
    [
        'raise UserError(f"beams {beams} is none. Give 1 or more")',
        'raise UserError(f"no_speech {p} is no probability")',
        'raise UserError(f"{path} is no dataset")',
        'raise ValueError(f"k is {k}, but must be at least 1")',
        'raise UserError(f"jobs must be at least 1, found {jobs}")',
        'raise UserError("jobs must be at least 1")',
        'raise UserError(f"pad must be in [0, 5] seconds: {pad}")',
        "raise UserError(\"it is missing. Install it with: pip install 'valle-llama[fast]'\")",
        'raise UserError("it is missing. Install it with: pip install valle-llama")',
        'raise UserError("give the the folder")',
        'raise UserError(f"codes of a of a mix must be integers, got {kind}")',
        'raise UserError(f"lengths must be in [0, [0, 0]], got {lengths}")',
        'raise UserError("Whisper hears 30 s at once")',
        'raise UserError(f"{source} has nothing to say. Give words")',
        'try:\n    read()\nexcept (OSError, ValueError) as error:\n    raise UserError(f"no: {error}") from error',
        'try:\n    read()\nexcept FileNotFoundError as error:\n    raise UserError(f"no: {error!r}") from error',
    ],
)
def test_each_old_form_of_an_error_is_noticed(text):
    assert complaints_about_errors(text)


@pytest.mark.parametrize(
    "text",
    [
        'raise UserError(f"jobs must be at least 1, got {jobs}")',
        'raise UserError(f"p must be in [0, 1], got {p:g}")',
        'raise _refuse("n_heads", value, "must be at least 1")',
        'raise UserError("there is no plugin of that name")',
        'raise UserError("it is missing. Install it with: valle plugins install valle-llama")',
        'try:\n    read()\nexcept OSError as error:\n    raise UserError(f"no: {error.strerror}") from error',
        'try:\n    read()\nexcept ValueError as error:\n    raise UserError(f"no: {error}") from error',
    ],
)
def test_agreed_forms_pass(text):
    assert complaints_about_errors(text) == []


def test_the_glossary_knows_every_kind_and_every_letter_of_a_shape():
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    (kinds,) = re.findall(r"^\| kind \|.*", page, re.MULTILINE)
    names = [row.name for row in Registry.open(environ={}, safe=True).rows]
    assert [name for name in names if not re.search(rf"\b{name}\b", kinds)] == []
    legend = [text.split()[0] for text in (valle_core.types.__doc__ or "").split("\n\n")[1].split("·")]
    assert len(legend) == 12
    assert [letter for letter in legend if not re.search(rf"^\|[^|]*\b{letter}\b", page, re.MULTILINE)] == []


def test_old_terms_and_names_are_noticed():
    for line in ("how to mend it", "Peers get our weights", "nothing-heard", "HeardSegment("):
        assert any(re.search(pattern, line) for pattern in TERMS), line
    assert {"mend", "ear"} <= names_in("entry.mend = ear(1)") & set(NAMES[""])
