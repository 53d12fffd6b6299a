"""Two backbones on the same data, for as many steps: `python examples/compare_backbones.py DATA [STEPS]`.

DATA is what `valle.prepare` wrote. `valle.list_plugins("arch")` names the other backbones.
"""

import sys

import valle

data, *rest = sys.argv[1:]
steps = int(rest[0]) if rest else 200

usable = [plugin.name for plugin in valle.list_plugins("arch") if plugin.status == "ok"]
print("backbones:", ", ".join(usable))

runs = {
    arch: valle.train(
        data,
        out=f"runs/{arch}",
        steps=steps,
        arch={"name": arch, "d_model": 128, "n_layers": 2, "n_heads": 4},
        batching={"seconds": 16},
        seed=1,
    )
    for arch in ("llama", "retnet")
}

print(f"{'':10}{'loss':>8}{'right at level 0':>20}{'tokens/s':>12}")
for arch, run in runs.items():
    last = run.metrics[-1]
    right = f"{last['accuracy_0']:.1%}" if "accuracy_0" in last else "-"  # levels are drawn: few steps may miss one
    print(f"{arch:10}{last['loss']:8.3f}{right:>20}{last['tokens_per_second']:12.0f}")
