"""Lets reference functions be imported without their packages' start-up code, which wants CUDA or Triton.

Importing this module is enough. `fla.ops.simple_gla.naive`, `mamba_ssm.ops.selective_scan_interface`
(`selective_scan_ref`), `mamba_ssm.modules.ssd_minimal` and `bitnet.bitlinear` are plain torch; what their
`__init__.py` files pull in is not needed for them and does not run on a CPU.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

BARE = {
    "fla": ("fla.ops", "fla.ops.retention", "fla.ops.simple_gla", "fla.ops.linear_attn"),
    "mamba_ssm": ("mamba_ssm.ops", "mamba_ssm.modules", "mamba_ssm.utils"),
    "bitnet": (),
    "zeta": ("zeta.nn", "zeta.nn.modules"),
}
"""Packages that are entered without running their `__init__.py`, with the folders below."""

COMPILED = {
    "selective_scan_cuda": (),
    "mamba_ssm.ops.triton.layer_norm": ("_layer_norm_fwd",),
    "mamba_ssm.ops.triton.ssd_combined": ("mamba_chunk_scan_combined",),
}
"""Kernels that the files of the reference functions name but the functions do not call."""


def enter_bare(top: str, below: tuple[str, ...]) -> None:
    """Put an empty package in the place of `top` and of those below, over the same folders."""
    spec = None if top in sys.modules else find_spec(top)
    if spec is None or not spec.submodule_search_locations:
        return
    root = spec.submodule_search_locations[0]
    for name in (top, *below):
        package = ModuleType(name)
        package.__spec__ = spec if name == top else ModuleSpec(name, None, is_package=True)
        package.__path__ = ["/".join([root, *name.split(".")[1:]])]
        sys.modules[name] = package


def leave_out(module: str, names: tuple[str, ...]) -> None:
    """A module with these names, none of which can be used."""
    absent = ModuleType(module)
    absent.__spec__ = ModuleSpec(module, None)
    for name in names:
        setattr(absent, name, None)
    sys.modules.setdefault(module, absent)


for top, below in BARE.items():
    enter_bare(top, below)
for module, names in COMPILED.items():
    leave_out(module, names)
