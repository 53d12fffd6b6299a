"""`valle synth` reads its configuration once: nothing is resolved, checked or selected twice on the way to speech."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter

from valle_core.config import resolve as resolving
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry

WATCHED = {
    resolving.resolve.__code__: "resolve",
    resolving.read_resolved.__code__: "read_resolved",
    preflight.__code__: "preflight",
    Registry.select.__code__: "select",
}


def test_one_resolve_one_preflight_and_each_slot_selected_once(spine, valle, tmp_path):
    calls, selected = Counter[str](), Counter[tuple[str, str]]()

    def watch(frame, event, _):
        if event == "call" and (name := WATCHED.get(frame.f_code)):
            calls[name] += 1
            if name == "select":
                selected[frame.f_locals["kind"], frame.f_locals["name"]] += 1

    sys.setprofile(watch)
    try:
        code, _, err = valle(*spine.speaking(tmp_path / "out.wav"))
    finally:
        sys.setprofile(None)
    assert code == 0, err
    assert (calls["resolve"], calls["read_resolved"], calls["preflight"]) == (1, 1, 1)
    slots = {"arch": 1, "attention": 1, "codec": 1, "frontend": 1, "task": 1, "sampler": 3}
    assert {kind for kind, _ in selected} == slots.keys()
    assert {one: count for one, count in selected.items() if count > 1} == {}
    assert sum(selected.values()) <= sum(slots.values())


def test_it_imports_nothing_that_benchmarks_compares_or_tests(spine, tmp_path):
    argv = [str(word) for word in spine.speaking(tmp_path / "out.wav")]
    script = f"""
import re
import subprocess
import sys
from valle_cli.main import run
code = run({argv!r})
print("imported:", *sorted(name for name in sys.modules if name.startswith("valle")))
raise SystemExit(code)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    imported = done.stdout.partition("imported: ")[2].split()
    assert "valle_core.synthesis.synthesizer" in imported
    assert [name for name in imported if re.search("bench|reference|testing", name)] == []
