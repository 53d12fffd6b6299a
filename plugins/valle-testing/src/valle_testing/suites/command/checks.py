"""Conformance suite of commands: what their user sees.

test_it_conforms = suite.conformance("command", valle("my-command"), spec=SPEC)                # installed
test_its_json = suite.conformance("command", valle("my-command"), spec=SPEC, example=("a.wav",))   # tries --json too
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from unittest import SkipTest

from valle_core.plugin import CommandSpec
from valle_testing.contract import contract
from valle_testing.suites.command.ran import Run, examples, ran

UNKNOWN = "--no-option-is-called-so"


@contract("CommandSpec", "`--help` explains it")
def explains_itself(run: Run, *, example: Sequence[str] = ()) -> None:
    """`--help`: exit code 0, usage, a sentence and its options, all on standard output, the same every time."""
    first = ran(run, "--help")
    assert first.code == 0, f"--help ends with {first.described()}"
    assert not first.err.strip(), f"--help prints on standard error: {first.err.strip().splitlines()[0]!r}"
    assert re.search(r"(?i)\busage:", first.out), "--help shows no usage"
    text = re.sub(r"(?is)^.*?\busage:[^\n]*(?:\n[ \t]+\S[^\n]*\[[^\n]*)*", "", first.out, count=1)
    lines = [line.strip(" │") for line in text.splitlines()]
    plain = [line for line in lines if "--" not in line and not line.startswith("valle ")]
    sentences = [line for line in plain if len(re.findall(r"[^\W\d_]{2,}", line)) >= 3]
    assert sentences, "--help says in no sentence what the command does"
    assert "--help" in first.out, "--help does not list the options"
    assert ran(run, "--help").out == first.out, "--help differs from one time to the next"


@contract("CommandSpec", "an option it does not know is refused with exit code 2 and one line")
def refuses_unknown_options(run: Run, *, example: Sequence[str] = ()) -> None:
    """Nothing on standard output, no traceback, the option is named."""
    for words in ([UNKNOWN], [*example, UNKNOWN]):
        found = ran(run, *words)
        assert found.code == 2, f"{' '.join(words)} ends with {found.described()}, expected exit code 2"
        assert not found.out.strip(), f"{UNKNOWN} prints on standard output: {found.out.strip().splitlines()[0]!r}"
        assert "Traceback" not in found.err, f"{UNKNOWN} shows a traceback"
        lines = [line for line in found.err.splitlines() if line.startswith("error:")]
        assert len(lines) == 1, f"{UNKNOWN} gives {len(lines)} lines that begin with 'error:', expected one"
        assert UNKNOWN in lines[0], f"the option is not named: {lines[0]!r}"


@contract("CommandSpec", "Examples in the help are taken as they stand")
def takes_its_examples(run: Run, *, example: Sequence[str] = ()) -> None:
    """Options of each example in its help exist: with `--help` behind them nothing is refused."""
    found = examples(ran(run, "--help").out)
    if not found:
        raise SkipTest("its help shows no example")
    for words in found:
        own = words[next((at for at, word in enumerate(words) if word.startswith("-")), len(words)) :]
        tried = ran(run, *own, "--help")
        assert tried.code == 0, f"the example 'valle {' '.join(words)}' is refused: {tried.described()}"


@contract("CommandSpec", "with `--json` standard output is JSON alone")
def prints_json_alone(run: Run, *, example: Sequence[str] = ()) -> None:
    """Of the words to try (`example=`), where its help lists `--json`: standard output is one JSON value."""
    if not re.search(r"--json\b", ran(run, "--help").out):
        raise SkipTest("it has no --json")
    if not example:
        raise SkipTest("no words to try it with: example=(…)")
    found = ran(run, *example, "--json")
    assert found.code in (0, 1), f"{' '.join(example)} --json ends with {found.described()}"
    try:
        json.loads(found.out)
    except json.JSONDecodeError as error:
        raise AssertionError(f"{' '.join(example)} --json prints no JSON: {error}") from error


@contract("CommandSpec", "summary: one line for `valle --help`")
def is_what_its_spec_says(run: Run, spec: CommandSpec, *, example: Sequence[str] = ()) -> None:
    """Its usage has the name of the spec, the summary is one line without a full stop."""
    usage = re.search(r"(?i)\busage:\s*([^\n]*)", ran(run, "--help").out)
    shown = usage[1] if usage else ""
    assert shown.startswith(f"valle {spec.name}"), f"usage is {shown!r}, its name is '{spec.name}'"
    assert spec.summary.strip(), "its spec has no summary"
    assert len(spec.summary.splitlines()) == 1, f"its summary has {len(spec.summary.splitlines())} lines, expected one"
    assert not spec.summary.endswith("."), "its summary ends with a full stop, those of other commands do not"


CHECKS: tuple[Callable[..., None], ...] = (
    explains_itself,
    refuses_unknown_options,
    takes_its_examples,
    prints_json_alone,
)
"""Each takes `(run, *, example=())`, a function that runs the command (`valle(NAME)`) and words to try."""

SPEC_CHECKS: tuple[Callable[..., None], ...] = (is_what_its_spec_says,)
"""Each takes `(run, spec, *, example=())`."""
