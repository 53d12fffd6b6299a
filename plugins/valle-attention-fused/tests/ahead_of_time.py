"""Compiles kernels for a GPU that is not there: what `tiles_for` picks, for compute capability 9.0."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import triton
from triton import knobs
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from valle_attention_fused import backward, decode, forward
from valle_attention_fused.tiles import Tile, padded_width, tiles_for

H200 = GPUTarget("cuda", 90, 32)
POINTERS = {torch.float32: "*fp32", torch.bfloat16: "*bf16", torch.float16: "*fp16"}
INTEGERS = {"lengths_at": "*i64", "prefix_at": "*i64", "start_at": "*i64", "blocks_at": "*i32"}
KERNELS = {
    "forward": forward.forward,
    "query_gradient": backward.query_gradient,
    "key_gradient": backward.key_gradient,
    "decode": decode.decode,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Compiled:
    """What became of a kernel.

    Attributes:
        registers: of a thread.
        spilled: bytes that a thread writes because registers ran out.
        shared: bytes of shared memory.
        ptx: the assembly.
    """

    registers: int
    spilled: int
    shared: int
    ptx: str


def compiled(name: str, dtype: torch.dtype, width: int, folder: Path, **form: Any) -> Compiled:
    """The kernel as it would be launched. `form` sets PACKED, WINDOW, SOFTCAP, GROUP; for `decode` M and SPLITS.

    Assembly is written to `folder`.
    """
    tiles = tiles_for(torch.device("cuda"), dtype, width, 4096)
    tile: Tile = getattr(tiles, name)
    constants = {
        "GROUP": 1,
        "WIDTH": width,
        "D": padded_width(width),
        "M": 16 if name == "decode" else tiles.block,
        "N": tile.inner,
        "SPLITS": 8,
        "PACKED": False,
        "WINDOW": False,
        "SOFTCAP": False,
        "PRECISION": "tf32x3" if dtype == torch.float32 else "tf32",
        "WIDEN": False,
    } | form
    single = {"lse_at", "delta_at"} | ({"out_at"} if name == "decode" and constants["SPLITS"] > 1 else set())
    return _compile(KERNELS[name], constants, dtype, single, tile, folder)


def merging(dtype: torch.dtype, width: int, folder: Path) -> Compiled:
    """The kernel that puts the parts of a step together."""
    constants = {"WIDTH": width, "D": padded_width(width), "SPLITS": 67, "S": 128, "CHUNK": 16}
    tile = Tile(inner=16, warps=4, stages=1)
    return _compile(decode.merge, constants, dtype, {"parts_at", "lse_at"}, tile, folder)


def _compile(
    kernel: Any, constants: dict[str, Any], dtype: torch.dtype, single: set[str], tile: Tile, folder: Path
) -> Compiled:
    function = triton.JITFunction(kernel.fn, do_not_specialize=forward.CHANGING if "Tk" in kernel.arg_names else None)
    signature, attributes = {}, {}
    for n, name in enumerate(function.arg_names):
        if name in constants:
            signature[name] = "constexpr"
        elif name.endswith("_at"):
            signature[name] = "*fp32" if name in single else INTEGERS.get(name, POINTERS[dtype])
        else:
            signature[name] = "fp32" if name in ("scale", "cap") else "i32"
        if name.endswith(("_at", "_row", "_head", "_place")):
            attributes[(n,)] = [["tt.divisibility", 16]]
    known = {name: value for name, value in constants.items() if name in function.arg_names}
    source = ASTSource(function, signature, constexprs=known, attrs=attributes)
    kernel = triton.compile(source, target=H200, options={"num_warps": tile.warps, "num_stages": tile.stages})
    log = _assembled(kernel.asm["ptx"], folder)
    return Compiled(
        registers=max(map(int, re.findall(r"Used (\d+) registers", log))),
        spilled=max(map(int, re.findall(r"(\d+) bytes spill stores", log))),
        shared=kernel.metadata.shared,
        ptx=kernel.asm["ptx"],
    )


def _assembled(ptx: str, folder: Path) -> str:
    """What NVIDIA's assembler, which Triton brings along, says of registers."""
    (arch,) = re.findall(r"^\.target (\w+)", ptx, re.MULTILINE)
    (folder / "kernel.ptx").write_text(ptx)
    words = [knobs.nvidia.ptxas.path, "-v", f"--gpu-name={arch}", "kernel.ptx", "-o", "kernel.cubin"]
    return subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True).stderr
