"""What the kernels of this distribution say about themselves (imports no torch)."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

ATTENTION_API = 1
UNIFORM = frozenset({"causal", "full"})
EVERY_MASK = UNIFORM | frozenset({"mixed", "prefix", "packed", "window", "tree"})
OPTIONS = "valle_attention_sdpa.options:KernelOptions"


def _eager(name: str, summary: str) -> PluginSpec:
    return PluginSpec(
        kind="attention",
        name=name,
        api=ATTENTION_API,
        summary=summary,
        factory="valle_attention_sdpa.eager:build",
        options=OPTIONS,
        capabilities=EVERY_MASK,
        paper="arXiv 1706.03762",
        memory="quadratic in the row",
    )


def _sdpa(
    name: str,
    summary: str,
    *,
    devices: tuple[str, ...] = ("cpu", "cuda"),
    dtypes: tuple[str, ...] = ("float32", "bfloat16", "float16"),
    paper: str = "",
    memory: str = "linear in the row",
    advisories: tuple[str, ...] = (),
) -> PluginSpec:
    return PluginSpec(
        kind="attention",
        name=name,
        api=ATTENTION_API,
        summary=summary,
        factory=f"valle_attention_sdpa.sdpa:{name}",
        options=OPTIONS,
        devices=devices,
        dtypes=dtypes,
        capabilities=UNIFORM,
        paper=paper,
        memory=memory,
        advisories=advisories,
    )


EAGER = _eager("eager", "Reference attention with a dense mask; every mask form, slow and memory hungry.")
DEFAULT = _eager("default", "Another name of `eager`.")
SDPA = _sdpa(
    "sdpa", "PyTorch's scaled dot product attention, which picks its own back end.", memory="that of the back end"
)
MATH = _sdpa(
    "math", "PyTorch's scaled dot product attention held to its plain back end.", memory="quadratic in the row"
)
MEM_EFFICIENT = _sdpa(
    "mem_efficient",
    "PyTorch's scaled dot product attention held to its memory-efficient back end.",
    devices=("cuda",),
    paper="arXiv 2112.05682",
)
FLASH = _sdpa(
    "flash",
    "PyTorch's scaled dot product attention held to its flash back end.",
    paper="arXiv 2307.08691",
    advisories=("On CUDA it runs in bfloat16 and float16 only.",),
)
CUDNN = _sdpa(
    "cudnn",
    "PyTorch's scaled dot product attention held to cuDNN.",
    devices=("cuda",),
    dtypes=("bfloat16", "float16"),
)
