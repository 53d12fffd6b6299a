"""What the kernels of this distribution say about themselves (imports no torch)."""

from __future__ import annotations

from valle_core.plugin import PluginSpec


def _spec(name: str, summary: str, *, factory: str = "", options: str = "FlashOptions", paper: str = "") -> PluginSpec:
    return PluginSpec(
        kind="attention",
        name=name,
        api=1,
        summary=summary,
        factory=f"valle_attention_flash.kernels:{factory or name}",
        options=f"valle_attention_flash.options:{options}",
        devices=("cuda",),
        dtypes=("bfloat16", "float16"),
        capabilities=frozenset({"causal", "full", "mixed", "prefix", "packed", "window"}),
        paper=paper,
        memory="linear in the row",
        advisories=("Its own code was never run by those who wrote this plugin: they had no GPU.",),
    )


FLASH_ATTN = _spec("flash_attn", "FlashAttention: the newest generation that is installed and suits the GPU.")
FLASH_ATTENTION_2 = _spec(
    "flash_attention_2", "FlashAttention 2 (package flash-attn).", options="NoOptions", paper="arXiv 2307.08691"
)
FLASH_ATTENTION_3 = _spec(
    "flash_attention_3", "FlashAttention 3 (flash_attn_interface).", options="NoOptions", paper="arXiv 2407.08608"
)
FLASH_ATTENTION_4 = _spec("flash_attention_4", "FlashAttention 4 (flash_attn.cute).", options="NoOptions")
VARLEN = _spec("varlen", "PyTorch's attention for rows laid end to end.", options="TorchOptions")
