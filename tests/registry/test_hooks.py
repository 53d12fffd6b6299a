"""Observers are told what happens and cannot hurt the run."""

from __future__ import annotations

import pytest

from valle_core.plugin import HookSpec, UserError
from valle_core.registry.hooks import SPEAKING, TRAINING, Observers, Specifications, hookimpl, open_observers
from valle_core.registry.loading import load
from valle_core.registry.registry import Registry
from valle_core.registry.scan import scan


class Listener:
    def __init__(self, *, fails: bool = False):
        self.steps = []
        self.fails = fails

    @hookimpl
    def train_step_end(self, step):
        self.steps.append(step)
        if self.fails:
            raise RuntimeError("boom")


class Doubler:
    @hookimpl
    def after_audio(self, wav):
        return [2 * sample for sample in wav]


class Adder:
    @hookimpl
    def after_audio(self, wav, sample_rate):
        return [sample + sample_rate for sample in wav]


class Silent:
    @hookimpl
    def after_audio(self, facts):
        return None


class Misspelt:
    @hookimpl
    def train_stpe_end(self, step): ...


class Wrapper:
    @hookimpl(wrapper=True)
    def train_step_end(self):
        yield


@pytest.fixture
def reports():
    return []


def test_every_plugin_is_told_with_the_arguments_it_names(reports):
    observers, first, second = Observers(reports.append), Listener(), Listener()
    observers.add("a", first)
    observers.add("b", second)
    observers.call("train_step_end", step=3, metrics={})
    assert first.steps == second.steps == [3]


def test_a_failing_plugin_is_reported_once_and_dropped_while_others_go_on(reports):
    observers, bad, good = Observers(reports.append), Listener(fails=True), Listener()
    observers.add("bad", bad)
    observers.add("good", good)
    for step in (1, 2):
        observers.call("train_step_end", step=step, metrics={})
    assert (bad.steps, good.steps) == ([1], [1, 2])
    assert reports == ["hook 'bad' failed in train_step_end: RuntimeError: boom. It is left out from here on"]
    assert observers.names == ["good"]


def test_a_critical_plugin_stops_the_run_with_its_name(reports):
    observers = Observers(reports.append)
    observers.add("guard", Listener(fails=True), critical=True)
    with pytest.raises(UserError, match=r"hook 'guard' failed in train_step_end: RuntimeError: boom. It is critical"):
        observers.call("train_step_end", step=1, metrics={})


def test_what_a_critical_plugin_says_to_the_user_is_the_message(reports):
    class Refusing:
        @hookimpl
        def train_processes(self, options):
            raise UserError("give one of them")

    observers = Observers(reports.append)
    observers.add("processes", Refusing(), critical=True)
    with pytest.raises(UserError, match=r"^give one of them$"):
        observers.call("train_processes", options=None)
    assert reports == []


def test_after_audio_is_a_chain_in_which_each_result_feeds_the_next(reports):
    observers = Observers(reports.append)
    for name, plugin in (("adder", Adder()), ("silent", Silent()), ("doubler", Doubler())):
        observers.add(name, plugin)
    # pluggy calls the plugin registered last first: doubled, then increased.
    assert observers.after_audio([1, 2], 10, {}) == [12, 14]


@pytest.mark.parametrize("odd", ["loud", (1, 2), 3.0])
def test_a_hook_that_gives_no_audio_has_failed_and_the_audio_stays(reports, odd):
    class Odd:
        @hookimpl
        def after_audio(self, wav):
            return odd

    observers = Observers(reports.append)
    observers.add("doubler", Doubler())
    observers.add("odd", Odd())
    assert observers.after_audio([1, 2], 10, {}) == [2, 4]
    assert reports == [
        f"hook 'odd' failed in after_audio: TypeError: it gave a {type(odd).__name__}, expected a list [N]. "
        "It is left out from here on"
    ]


def test_the_order_of_a_hook_is_that_of_its_calls(reports):
    observers = Observers(reports.append)
    for name, plugin in (("adder", Adder()), ("listener", Listener()), ("doubler", Doubler())):
        observers.add(name, plugin)
    assert observers.order("after_audio") == ["doubler", "adder"]


def test_items_of_all_plugins_are_collected_and_no_series_is_a_failure(reports):
    class Cases:
        def __init__(self, cases):
            self.cases = cases

        @hookimpl
        def doctor_checks(self):
            return self.cases

    observers = Observers(reports.append)
    for name, cases in (("a", ["one"]), ("none", None), ("number", 3), ("b", ["two", "three"])):
        observers.add(name, Cases(cases))
    assert observers.collect("doctor_checks") == ["two", "three", "one"]
    assert reports == [
        "hook 'number' failed in doctor_checks: TypeError: 'int' object is not iterable. It is left out from here on"
    ]


def test_audio_passes_unchanged_without_plugins(reports):
    assert Observers(reports.append).after_audio([1], 10, {}) == [1]


def test_results_are_collected_without_none(reports):
    class Bench:
        @hookimpl
        def doctor_checks(self):
            return ["case"]

    observers = Observers(reports.append)
    observers.add("a", Bench())
    observers.add("b", Listener())
    assert observers.call("doctor_checks") == [["case"]]


def test_a_misspelt_hook_name_is_reported_and_the_plugin_left_out(reports):
    observers = Observers(reports.append)
    observers.add("typo", Misspelt())
    assert observers.names == []
    assert "there is no hook 'train_stpe_end'. Did you mean 'train_step_end'? Hooks: train_" in reports[0]
    assert " at 0x" not in reports[0]
    observers.add("good", Listener())
    assert observers.names == ["good"]


def test_a_wrapper_is_refused(reports):
    observers = Observers(reports.append)
    observers.add("wrap", Wrapper())
    assert "wrapper" in reports[0]
    assert observers.names == []


HOOKS = """
from valle_core.plugin import HookSpec
from valle_core.registry.hooks import hookimpl
def spec(name, critical=False):
    return HookSpec(name=name, api=1, summary='', plugin='acme_' + name + ':plugin', critical=critical)
FINE, GONE, VITAL = spec('fine'), spec('gone'), spec('vital', True)
"""
FINE = """
from valle_core.registry.hooks import hookimpl
class Plugin:
    @hookimpl
    def doctor_checks(self):
        return [('fine', lambda: '')]
plugin = Plugin()
"""


def test_installed_hooks_are_loaded_and_those_that_cannot_be_are_left_out(site, reports):
    site.add("acme", {"valle.hooks": {"fine": "acme_h:FINE", "gone": "acme_h:GONE"}}, acme_h=HOOKS, acme_fine=FINE)
    observers = open_observers(Registry.open(environ={}), reports.append)
    assert "fine" in observers.names
    assert any("hook 'gone' (acme 1.0) cannot be loaded" in line for line in reports)


def test_two_hooks_of_one_name_are_both_loaded(site, reports):
    for owner in ("acme", "other"):
        modules = {f"{owner}_h": HOOKS.replace("acme_", f"{owner}_"), f"{owner}_fine": FINE}
        site.add(owner, {"valle.hooks": {"fine": f"{owner}_h:FINE"}}, **modules)
    observers = open_observers(Registry(scan([str(site.folder)])), reports.append)
    assert observers.names == ["fine", "other:fine"]
    assert reports == []


def test_a_critical_hook_that_cannot_be_loaded_stops_the_run(site, reports):
    site.add("acme", {"valle.hooks": {"vital": "acme_h:VITAL"}}, acme_h=HOOKS)
    with pytest.raises(UserError, match="hook 'vital'"):
        open_observers(Registry.open(environ={}), reports.append)


def test_disabled_hooks_stay_silent(site, reports):
    site.add("acme", {"valle.hooks": {"vital": "acme_h:VITAL"}}, acme_h=HOOKS)
    registry = Registry.open(environ={"VALLE_DISABLE_PLUGINS": "vital"})
    assert "vital" not in open_observers(registry, reports.append).names
    assert reports == []


SAYING = """
from valle_core.plugin import HookSpec
BENCH = HookSpec(name='bench', api=1, summary='', plugin='acme_gone:plugin', observes=('doctor_checks',))
FINE = HookSpec(name='fine', api=1, summary='', plugin='acme_fine:plugin', observes=('doctor_checks', 'train_end'))
"""


def test_a_run_loads_only_what_observes_runs(site, reports):
    """A broken hook of a benchmark printed warnings in every train and synth."""
    hooks = {"bench": "acme_s:BENCH", "fine": "acme_s:FINE"}
    site.add("acme", {"valle.hooks": hooks}, acme_s=SAYING, acme_fine=FINE)
    registry = Registry(scan([str(site.folder)]))
    assert open_observers(registry, reports.append, of=TRAINING).names == ["fine"]
    assert open_observers(registry, reports.append, of=SPEAKING).names == []
    assert reports == []
    open_observers(registry, reports.append, of=("doctor_checks",))
    assert any("hook 'bench' (acme 1.0) cannot be loaded" in line for line in reports)


def test_those_that_do_not_say_what_they_observe_are_loaded_everywhere(site, reports):
    site.add("acme", {"valle.hooks": {"fine": "acme_h:FINE"}}, acme_h=HOOKS, acme_fine=FINE)
    assert open_observers(Registry(scan([str(site.folder)])), reports.append, of=SPEAKING).names == ["fine"]


def test_first_party_hooks_say_truly_what_they_observe():
    for entry in Registry.open().entries("hook"):
        if entry.status == "ok" and isinstance(entry.spec, HookSpec) and entry.distribution.startswith("valle-"):
            observers = Observers()
            observers.add(entry.name, load(entry.spec.plugin))
            implemented = {hook for hook in vars(Specifications) if hook[0] != "_" and observers.order(hook)}
            assert implemented == set(entry.spec.observes), entry.name


def test_an_argument_that_a_hook_does_not_have_is_refused_with_the_nearest():
    class Odd:
        @hookimpl
        def after_audio(self, wav, sample_rat):
            return wav

    messages = []
    Observers(messages.append).add("odd", Odd())
    assert messages == [
        "hook 'odd' cannot be used: UserError: after_audio has no argument 'sample_rat'. Did you mean 'sample_rate'? "
        "Its arguments: wav, sample_rate, facts. It is left out from here on"
    ]
