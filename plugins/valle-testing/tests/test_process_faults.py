"""Every suite notices a plugin that changes settings or random states of the process, whatever it does it in."""

from __future__ import annotations

import gc
import itertools
import locale
import logging
import os
import random
import signal
import sys
import warnings
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from valle_core.plugin import PluginSpec
from valle_testing import planted, suite, watch
from valle_testing.fakes.audio import FakeCodec, FakeFrontend
from valle_testing.fakes.backbone import FakeBackbone
from valle_testing.fakes.parts import FakeChooser, FakeProcessor, FakeTask
from valle_testing.fakes.recognizer import FakeRecognizer
from valle_testing.fakes.rewrite import FakeRewrite
from valle_testing.fakes.rule_kernel import RuleKernel

CHECK = "leaves_the_process_alone"
SPEC = PluginSpec(kind="codec", name="fake", api=1, summary="", factory="a:b", options="a:c")


def in_method(base, method):
    """A plugin that does something before a method does its work."""

    def plant(change):
        def changed(self, *given, **how):
            change()
            return getattr(base, method)(self, *given, **how)

        return type("Faulty", (base,), {method: changed})

    return plant


def in_sampler(change):
    @dataclass(frozen=True, kw_only=True, slots=True)
    class Faulty(FakeProcessor):
        def process(self, logits, view):
            change()
            return FakeProcessor(p=self.p).process(logits, view)

    return Faulty


def in_build(change):
    def build(**_):
        change()
        return FakeCodec()

    return build


def once_in(plant):
    """At the first call of the process alone, as a lazy set-up does it."""

    def planted_once(change):
        done = []

        def first():
            if not done:
                done.append(True)
                change()

        return plant(first)

    return planted_once


def kernel(change):
    return in_method(RuleKernel, "__call__")(change)()


PLACES = {
    "arch": ("arch", in_method(FakeBackbone, "forward")),
    "arch, its cache": ("arch", in_method(FakeBackbone, "new_cache")),
    "attention": ("attention", kernel),
    "codec": ("codec", in_method(FakeCodec, "encode")),
    "codec, decoding": ("codec", in_method(FakeCodec, "decode")),
    "codec, a stream": ("codec", in_method(FakeCodec, "stream")),
    "codec, when built": ("codec", in_build),
    "codec, once": ("codec", once_in(in_method(FakeCodec, "encode"))),
    "sampler": ("sampler", in_sampler),
    "task": ("task", in_method(FakeTask, "draw")),
    "task, composing": ("task", in_method(FakeTask, "compose")),
    "frontend": ("frontend", in_method(FakeFrontend, "phonemize")),
    "frontend, once": ("frontend", once_in(in_method(FakeFrontend, "phonemize"))),
    "rewrite": ("rewrite", in_method(FakeRewrite, "apply")),
    "rewrite, its targets": ("rewrite", in_method(FakeRewrite, "targets")),
    "recognizer": ("recognizer", in_method(FakeRecognizer, "transcribe")),
}
"""Where it happens → kind, how it is planted."""

CHANGES = {
    "gradients are switched off": lambda: torch.set_grad_enabled(False),
    "one thread is enough": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "torch is seeded": lambda: torch.manual_seed(0),
    "numpy is seeded": lambda: np.random.seed(0),
    "random is seeded": lambda: random.seed(0),
}
"""Tried in every place."""

MORE = {
    "numpy's numbers are drawn": lambda: np.random.rand(),
    "random numbers of Python are drawn": lambda: random.random(),
    "everything is in 64 bits": lambda: torch.set_default_dtype(torch.float64),
    "the default device is a GPU": lambda: torch.set_default_device("cuda"),
    "only deterministic algorithms": lambda: torch.use_deterministic_algorithms(True),
    "convolutions are searched for": lambda: setattr(torch.backends.cudnn, "benchmark", True),
    "matrix products in TF32": lambda: torch.set_float32_matmul_precision("high"),
    "NaN is searched for": lambda: torch.autograd.set_detect_anomaly(True),
    "autocast is on": lambda: torch.set_autocast_enabled("cpu", True),
    "a back end of attention is off": lambda: torch.backends.cuda.enable_flash_sdp(False),
    "denormals are flushed": lambda: torch.set_flush_denormal(True),
    "numpy raises": lambda: np.seterr(all="raise"),
    "a variable is set": lambda: os.environ.update(VALLE_NOBODY_SETS_THIS="false"),
    "a variable is gone": lambda: os.environ.pop("PATH"),
    "another working directory": lambda: os.chdir("/"),
    "new files have other rights": lambda: os.umask(os.umask(0) ^ 0o070),
    "warnings are silenced": lambda: warnings.simplefilter("ignore"),
    "warnings of numbers are silenced": lambda: warnings.filterwarnings("ignore", category=RuntimeWarning),
    "filters of warnings are reset": warnings.resetwarnings,
    "Ctrl-C does something else": lambda: signal.signal(signal.SIGINT, lambda number, frame: None),
    "a folder comes first in sys.path": lambda: sys.path.insert(0, "/nowhere"),
    "stdout is swallowed": lambda: setattr(sys, "stdout", open(os.devnull, "w")),  # noqa: SIM115
    "errors are hooked": lambda: setattr(sys, "excepthook", print),
    "recursion goes deeper": lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 1000),
    "garbage stays": gc.disable,
    "the root logger is loud": lambda: logging.basicConfig(level=logging.DEBUG, force=True),
    "logging is off": lambda: logging.disable(logging.CRITICAL),
    "the locale is C": lambda: locale.setlocale(locale.LC_ALL, "C.UTF-8" if _c() else "C"),
}
"""Tried in one place each, in turn. Each is a change wherever tests are run: in the background Ctrl-C is ignored."""


def _c() -> bool:
    return locale.setlocale(locale.LC_ALL) == "C"


def _faults():
    for (change, do), (place, (kind, plant)) in zip(MORE.items(), itertools.cycle(PLACES.items()), strict=False):
        yield f"{change} ({place})", kind, plant(do)
    for change, do in CHANGES.items():
        for place, (kind, plant) in PLACES.items():
            yield f"{change} ({place})", kind, plant(do)


def _fault(name, kind, faulty):
    given = (faulty, RuleKernel.capabilities) if kind == "attention" else (faulty,)
    return planted.Fault(kind=kind, name=name, check=CHECK, given=given)


CASES = {name: _fault(name, kind, faulty) for name, kind, faulty in _faults()}


@pytest.mark.parametrize("fault", CASES)
def test_a_planted_fault_is_caught(fault, record_property):
    before = watch.Watch(may_draw=False)
    assert CASES[fault].caught(record_property)
    assert before.changes() == [], "the suite puts back what a plugin changes"


@pytest.mark.parametrize(("path", "changed"), [("/of/torch", False), ("/of/the/plugin", True)])
def test_the_folder_of_torch_distributed_is_no_plugins_change(monkeypatch, path, changed):
    """PyTorch 2.8 appends it to sys.path when something of it first runs."""
    instantiator = SimpleNamespace(INSTANTIATED_TEMPLATE_DIR_PATH="/of/torch")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "torch.distributed.nn.jit.instantiator", instantiator)
    before = watch.Watch(may_draw=False)
    sys.path.append(path)
    assert bool(before.changes()) is changed


GOOD = {
    "arch": FakeBackbone,
    "codec": FakeCodec,
    "sampler": FakeChooser,
    "task": FakeTask,
    "frontend": FakeFrontend,
    "rewrite": FakeRewrite,
    "recognizer": FakeRecognizer,
}


@pytest.mark.parametrize("kind", GOOD)
def test_a_plugin_that_changes_nothing_passes(kind):
    (outcome,) = suite.run(kind, GOOD[kind], only=(CHECK,)).outcomes
    assert outcome.verdict == "passed", outcome.found


def test_fresh_weights_may_be_drawn_but_no_seed_be_set():
    class Drawing(FakeCodec):
        def __init__(self):
            super().__init__()
            torch.randn(3)

    assert suite.run("codec", Drawing, only=(CHECK,)).outcomes[0].verdict == "passed"


def test_what_changed_is_told_with_the_checks_it_changed_in():
    faulty = in_method(FakeCodec, "encode")(MORE["everything is in 64 bits"])
    (outcome,) = suite.run("codec", faulty, only=("writes_nothing", CHECK)).outcomes[1:]
    assert outcome.found == "it changes the default dtype (in writes_nothing)"
    (outcome,) = suite.run("codec", FakeCodec, only=(CHECK,), before=["the environment"]).outcomes
    assert outcome.found == "it changes the environment (in building it)"


def test_the_pytest_form_fails_in_the_check_and_at_the_end():
    faulty = in_method(FakeCodec, "encode")(MORE["another working directory"])
    case = suite.conformance("codec", faulty, spec=SPEC)
    with pytest.raises(AssertionError, match=r"it changes the working directory \(in writes_nothing\)\ncontract"):
        case("writes_nothing")
    with pytest.raises(AssertionError, match="it changes the working directory"):
        case(CHECK)


def test_the_seeds_of_a_check_leave_the_random_states_as_they_were():
    before = watch.Generators.now()
    with watch.seeded(3):
        torch.rand(2)
    assert watch.Generators.now() == before
    with pytest.raises(AssertionError, match="the random seed of torch"), watch.seeded(3):
        torch.manual_seed(3)
    assert watch.Generators.now() == before
