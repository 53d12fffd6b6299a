"""Hugging Face's Mamba folders (config.json beside safetensors): read unchanged, written so that HF reads them.

The second direction is no part of them. It lies in a file of its own beside the model, which HF does not look at.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from valle_kit.hugging_face.layout import FolderLayout
from valle_kit.hugging_face.reader import FolderReader
from valle_kit.hugging_face.writer import write_folder
from valle_mamba.backbone import MambaBackbone
from valle_mamba.options import Mamba2Options, MambaOptions
from valle_mamba.sizes import Mamba2Sizes, MambaSizes, Sizes

SECOND = "second_direction.safetensors"

KEYS = {
    "d_model": "hidden_size",
    "n_layers": "num_hidden_layers",
    "d_state": "state_size",
    "d_conv": "conv_kernel",
    "expand": "expand",
    "conv_bias": "use_conv_bias",
    "bias": "use_bias",
    "norm_eps": "layer_norm_epsilon",
}
NAMES = {
    "known": {"hidden_act": ("silu", "swish")},
    "prefixes": ("backbone.", "model."),
    "around": ("embeddings.", "embedding.", "lm_head."),
    "embedding": "embeddings.weight",
    "norm": "norm_f.weight",
    "infinities": True,  # HF's folders of Mamba-2 hold one
}
LAYOUTS = {
    "mamba": FolderLayout(arch="mamba", model="MambaModel", keys={**KEYS, "dt_rank": "time_step_rank"}, **NAMES),
    "mamba2": FolderLayout(
        arch="mamba2", model="Mamba2Model", keys={**KEYS, "head_dim": "head_dim", "n_groups": "n_groups"}, **NAMES
    ),
}


def mamba_sizes_in(folder: FolderReader, options: MambaOptions) -> MambaSizes:
    """The sizes written in config.json.

    Raises:
        UserError: no such folder, not a Mamba, a variant that is not supported, or an option that was set to
            something else than the folder says.
    """
    return MambaSizes(**folder.sizes(folder.config(), options), max_length=options.max_length)


def mamba2_sizes_in(folder: FolderReader, options: Mamba2Options) -> Mamba2Sizes:
    """As `mamba_sizes_in`, for a Mamba-2."""
    config = folder.config()
    limit = config.get("time_step_limit") or (0.0, "inf")
    try:
        low, high = (float(bound["__float__"] if isinstance(bound, dict) else bound) for bound in limit)
    except (TypeError, ValueError, KeyError):  # HF writes an infinity as {"__float__": "Infinity"}
        raise folder.refuse(f"its time_step_limit is {limit!r:.80}, not two numbers") from None
    return Mamba2Sizes(**folder.sizes(config, options), max_length=options.max_length, dt_limit=(low, high))


def load_weights(backbone: MambaBackbone, folder: FolderReader) -> None:
    """Fill the backbone with the folder's tensors, of a model with or without a head.

    A folder without a second direction gives its own to both directions of a bidirectional backbone, with a warning:
    full rows then begin as the mean of two readings by the same weights.

    Raises:
        UserError: no safetensors, a missing or foreign tensor, or a shape that differs.
    """
    found = folder.tensors()
    if backbone.bidirectional and (folder.path / SECOND).is_file():
        found |= folder.tensors_of(SECOND)
    elif backbone.bidirectional:
        warnings.warn(
            f"arch '{backbone.sizes.arch}': {str(folder.path)!r} has no second direction; it starts as a "
            "copy of the first (train it, or set full_rows = 'causal' to do without)",
            stacklevel=2,
        )
        found |= {name: found[source] for name, source in _copies(backbone).items() if source in found}
        found |= {name: tensor for name, tensor in backbone.state_dict().items() if ".merge." in name}
    folder.fill(backbone, found)


def save_folder(
    backbone: MambaBackbone, folder: Path, *, embeddings: Float[Tensor, "vocabulary D"] | None = None
) -> None:
    """Write what `MambaModel.from_pretrained` or `Mamba2Model.from_pretrained` reads (see `write_folder`).

    A second direction goes into a file of its own.
    """
    state, sizes = backbone.state_dict(), backbone.sizes
    second = {name: state.pop(name) for name in list(state) if is_second(name)}
    beside = {SECOND: second} if second else {}
    write_folder(folder, LAYOUTS[sizes.arch], state, sizes, own_config(sizes), table=embeddings, beside=beside)
    if not second:
        (folder / SECOND).unlink(missing_ok=True)


def own_config(sizes: Sizes) -> dict[str, Any]:
    """What config.json says beside the layout's keys."""
    own: dict[str, Any] = {"hidden_act": "silu", "pad_token_id": None}
    if isinstance(sizes, MambaSizes):
        return own | {"intermediate_size": sizes.d_inner}
    return own | {"num_heads": sizes.n_heads, "time_step_limit": list(sizes.dt_limit)}


def is_second(name: str) -> bool:
    """Whether a tensor belongs to the second direction, which HF does not know."""
    return ".mixer.reverse." in name or ".mixer.merge." in name


def _copies(backbone: MambaBackbone) -> Mapping[str, str]:
    """Tensor of the second direction → the one of the first that it starts from."""
    names = (name for name in backbone.state_dict() if ".mixer.reverse." in name)
    return {name: name.replace(".reverse.", ".") for name in names}
