"""First-party plugins and commands by name, so that a missing one is answered with the command that installs it."""

from __future__ import annotations

HOUSE = ("valle-data", "valle", "valle-testing", "valle-bench")
"""The command line and the wings that bring it commands, in the order of `valle --help`."""

KNOWN: dict[str, dict[str, tuple[str, ...]]] = {
    "valle-data": {
        "command": (
            "prepare", "transcribe", "prepare-noise", "data convert", "data list", "data sample", "data similar",
            "data stats", "data validate",
        )
    },
    "valle": {
        "command": (
            "train", "synth", "demo", "list-plugins", "plugins info", "plugins doctor", "plugins install",
            "plugins uninstall", "voices add", "voices list", "voices remove", "voices export",
        )
    },
    "valle-testing": {"command": ("plugins check", "new-plugin")},
    "valle-kit": {"attention": ("auto",), "command": ("compile",)},
    "valle-bench": {
        "command": (
            "bench arch", "bench codec", "bench attention", "bench decode", "bench sampler", "bench startup",
            "bench train",
        )
    },
    "valle-transformer": {"arch": ("transformer",)},
    "valle-llama": {"arch": ("llama",), "command": ("export-llama", "import-llama")},
    "valle-mixtral": {"arch": ("mixtral",)},
    "valle-bitnet": {
        "arch": ("bitnet",),
        "rewrite": ("bitlinear", "bitlinear-packed"),
        "command": ("pack-bitnet",),
    },
    "valle-retnet": {"arch": ("retnet", "retnet-hf")},
    "valle-mamba": {"arch": ("mamba", "mamba2")},
    "valle-attention-sdpa": {"attention": ("eager", "default", "math", "mem_efficient", "flash", "cudnn", "sdpa")},
    "valle-attention-cpu": {"attention": ("cpu",)},
    "valle-attention-flex": {"attention": ("flex", "flex_attention")},
    "valle-attention-xformers": {"attention": ("xformers",)},
    "valle-attention-flash": {
        "attention": ("flash_attn", "flash_attention_2", "flash_attention_3", "flash_attention_4", "varlen")
    },
    "valle-attention-fused": {"attention": ("fused",)},
    "valle-codec-tiny": {"codec": ("tiny", "small", "mel-gl"), "command": ("train-codec",)},
    "valle-encodec": {"codec": ("encodec",)},
    "valle-vocos": {"codec": ("vocos",)},
    "valle-dac": {"codec": ("dac",)},
    "valle-controls": {"command": ("control",), "hook": ("controls",)},
    "valle-corpus": {"command": ("corpus",)},
    "valle-eval": {
        "metric": (
            "wer",
            "cer",
            "per",
            "alignment",
            "ending",
            "similarity",
            "distillmos",
            "dnsmos",
            "pesq",
            "stoi",
            "pace",
            "rtf",
        ),
        "command": ("eval",),
    },
    "valle-draft": {"draft": ("grouped", "heads", "layer-skip")},
    "valle-export": {"command": ("export", "push", "pull", "plugins lock")},
    "valle-espeak": {"frontend": ("espeak",)},
    "valle-hama": {"recognizer": ("hama",)},
    "valle-hibari": {"frontend": ("hibari",)},
    "valle-lora": {"rewrite": ("lora",), "command": ("adapter new", "adapter save", "adapter apply")},
    "valle-losses": {
        "loss": ("distill", "factors", "label-smoothing", "top-k", "z-loss"),
        "command": ("drop-layers",),
    },
    "valle-optimizers": {
        "optimizer": ("adafactor", "adamw-8bit", "lion", "muon", "prodigy", "schedule-free"),
        "schedule": ("constant", "linear", "noam", "one-cycle", "wsd"),
    },
    "valle-pointer": {"alignment": ("pointer",)},
    "valle-pocketsphinx": {"recognizer": ("pocketsphinx",)},
    "valle-samplers": {
        "sampler": (
            "greedy",
            "sample",
            "temperature",
            "top_k",
            "top_p",
            "min_p",
            "repetition_penalty",
            "repetition_aware",
            "dynamic_temperature",
            "top_nsigma",
            "typical",
            "epsilon",
            "eta",
            "length_penalty",
            "banned_tokens",
            "dry",
            "mirostat",
            "mirostat_v2",
            "entropy_adaptive",
            "beam",
            "masked",
        )
    },
    "valle-tasks": {"task": ("tts", "tts-c", "ns", "sr", "tse", "vc", "cse", "nse", "len", "stt", "phn", "un-phn")},
    "valle-whisper": {"recognizer": ("whisper", "whisper-tiny")},
    "valle-serve": {"command": ("serve", "bench serve")},
    "valle-text": {"frontend": ("text",), "command": ("train-tokenizer",)},
    "valle-trackers": {"command": ("plot", "runs"), "hook": ("trackers",)},
    "valle-training": {"hook": ("text-gain", "stuck-batch", "processes")},
    "valle-voice": {"voices": ("english",)},
}  # fmt: skip
"""distribution → kind → names; a voice is no plugin, and stands under the last word of its group."""
