"""The suite of commands catches faults planted in copies of a good one, each by the check it belongs to."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from valle_core.plugin import CommandSpec
from valle_testing import planted, suite
from valle_testing.suites.command.ran import examples, valle

SPEC = CommandSpec(name="count", api=2, summary="Count the letters of words", run="a:b")
HELP = """Usage: valle count [OPTIONS] WORDS...

Count the letters of each word.

Options:
  --limit INTEGER  Largest number of words.
  --json           A JSON list on stdout, for scripts.
  --help           Show this message and exit.

examples:
  valle count good \\
    morning --json   # the same as data
"""


class Command:
    """What good commands do, in the place of the whole command line."""

    help = HELP
    options = ("--limit", "--json")

    def __call__(self, words):
        for word in words:
            if word.startswith("--") and word not in (*self.options, "--help"):
                return self.refuse(word)
        if "--help" in words:
            return self.explain()
        return self.answer([word for word in words if not word.startswith("--")], as_json="--json" in words)

    def explain(self):
        show(self.help, end="")
        return 0

    def refuse(self, word):
        show(f"error: there is no option {word}. See --help", file=sys.stderr)
        return 2

    def answer(self, words, *, as_json):
        lengths = {word: len(word) for word in words}
        show(json.dumps(lengths) if as_json else lengths)
        return 0


def show(text, end="\n", file=None):
    (file or sys.stdout).write(f"{text}{end}")


def planting(method):
    """A good command whose `method` is the function."""
    return lambda function: type("Faulty", (Command,), {method: function})()


def helping(text):
    return type("Faulty", (Command,), {"help": text})()


def help_ends_with_1(self):
    show(self.help)
    return 1


def help_goes_to_standard_error(self):
    show(self.help, file=sys.stderr)
    return 0


def help_warns(self):
    show("warning: espeak-ng is old", file=sys.stderr)
    return Command.explain(self)


def help_counts_its_calls(self):
    self.calls = getattr(self, "calls", 0) + 1
    show(f"{self.help}\nshown {self.calls} times")
    return 0


def an_unknown_option_ends_with_1(self, word):
    Command.refuse(self, word)
    return 1


def an_unknown_option_shows_help_on_stdout(self, word):
    show(self.help)
    return Command.refuse(self, word)


def an_unknown_option_is_not_named(self, word):
    show("error: bad usage", file=sys.stderr)
    return 2


def an_unknown_option_shows_a_traceback(self, word):
    show("Traceback (most recent call last):", file=sys.stderr)
    return Command.refuse(self, word)


def an_unknown_option_is_told_twice(self, word):
    Command.refuse(self, word)
    return Command.refuse(self, word)


def json_stands_behind_a_greeting(self, words, *, as_json):
    show("counting …")
    return Command.answer(self, words, as_json=as_json)


def json_is_written_as_python(self, words, *, as_json):
    return Command.answer(self, words, as_json=False)


def with_json_it_fails(self, words, *, as_json):
    return 2 if as_json else 0


FAULTS = {
    help_ends_with_1: (planting("explain"), "explains_itself"),
    help_goes_to_standard_error: (planting("explain"), "explains_itself"),
    help_warns: (planting("explain"), "explains_itself"),
    help_counts_its_calls: (planting("explain"), "explains_itself"),
    "help says nothing in words": (helping(HELP.replace("Count the letters of each word.", "")), "explains_itself"),
    "help has no usage": (helping(HELP.replace("Usage:", "Call:")), "explains_itself"),
    "an example has an option of yore": (
        helping(HELP.replace("morning --json", "morning --as-json")),
        "takes_its_examples",
    ),
    an_unknown_option_ends_with_1: (planting("refuse"), "refuses_unknown_options"),
    "an unknown option is ignored": (planting("refuse")(lambda self, word: 0), "refuses_unknown_options"),
    an_unknown_option_shows_help_on_stdout: (planting("refuse"), "refuses_unknown_options"),
    an_unknown_option_is_not_named: (planting("refuse"), "refuses_unknown_options"),
    an_unknown_option_shows_a_traceback: (planting("refuse"), "refuses_unknown_options"),
    an_unknown_option_is_told_twice: (planting("refuse"), "refuses_unknown_options"),
    json_stands_behind_a_greeting: (planting("answer"), "prints_json_alone"),
    json_is_written_as_python: (planting("answer"), "prints_json_alone"),
    with_json_it_fails: (planting("answer"), "prints_json_alone"),
    "the spec has another name": (Command(), "is_what_its_spec_says", replace(SPEC, name="tally")),
    "the summary ends with a full stop": (Command(), "is_what_its_spec_says", replace(SPEC, summary="Count.")),
}
"""Fault → how it is planted, the check that must see it."""

CASES = planted.cases("command", FAULTS, spec=SPEC, example=("good", "morning"))
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)


def test_a_good_command_passes():
    report = suite.run("command", Command(), spec=SPEC, example=("good", "morning"))
    assert report.ok, report.table()
    assert report.count("passed") == len(suite.checks_of("command", SPEC))


def test_every_check_has_a_fault():
    assert {fault.check for fault in CASES.values()} == {check.__name__ for check in suite.checks_of("command", SPEC)}


def test_examples_are_read_over_line_ends_without_their_comments():
    assert examples(HELP) == [["count", "good", "morning", "--json"]]


@pytest.mark.parametrize("name", ["corpus", "pack-bitnet", "train-codec", "train-tokenizer"])
def test_the_commands_of_this_repository_conform(name):
    report = suite.run("command", valle(name), spec=CommandSpec(name=name, api=2, summary="s", run="a:b"))
    assert report.ok, report.table()
