"""When each token was said: dynamic time warping over the cross-attention of alignment heads.

As openai/whisper does it for word times: the heads' weights over the frames are normalised over the tokens, smoothed by
a median of seven frames and averaged; the cheapest monotonic path through them says where each token begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F
from transformers import WhisperForConditionalGeneration

MEDIAN_WIDTH = 7
"""Frames of 20 ms, as openai/whisper."""


def dynamic_time_warping(cost: Float[np.ndarray, "N M"]) -> tuple[Int[np.ndarray, "P"], Int[np.ndarray, "P"]]:
    """The cheapest path from (0, 0) to (N − 1, M − 1) in steps of (1, 1), (1, 0), (0, 1): its rows, its columns.

    A diagonal or vertical step is taken only where it is strictly cheaper than both others. Sums are kept in float32.
    Anti-diagonals are computed at once: every cell of one depends on the two before it only.
    """
    N, M = cost.shape
    total = np.full((N + 1, M + 1), np.inf, dtype=np.float32)
    step = np.full((N + 1, M + 1), 2, dtype=np.int8)
    step[:, 0] = 1
    step[0, :] = 2
    total[0, 0] = 0
    for diagonal in range(2, N + M + 1):
        i = np.arange(max(1, diagonal - M), min(N, diagonal - 1) + 1)
        j = diagonal - i
        both, down, right = total[i - 1, j - 1], total[i - 1, j], total[i, j - 1]
        is_both = (both < down) & (both < right)
        is_down = ~is_both & (down < both) & (down < right)
        best = np.where(is_both, both, np.where(is_down, down, right))
        total[i, j] = cost[i - 1, j - 1] + best.astype(np.float64)
        step[i, j] = np.where(is_both, 0, np.where(is_down, 1, 2))
    rows, columns, i, j = [], [], N, M
    while i > 0 or j > 0:
        rows.append(i - 1)
        columns.append(j - 1)
        taken = step[i, j]
        i -= taken != 2
        j -= taken != 1
    return np.array(rows[::-1]), np.array(columns[::-1])


def median_filter(weights: Float[Tensor, "*batch M"], width: int = MEDIAN_WIDTH) -> Float[Tensor, "*batch M"]:
    """Running median over frames, reflected at the ends; what is too short for that stays."""
    reach = width // 2
    if weights.shape[-1] <= reach:
        return weights
    flat = weights.reshape(1, -1, weights.shape[-1])
    windows = F.pad(flat, (reach, reach), mode="reflect").unfold(-1, width, 1)
    return windows.sort(-1).values[..., reach].reshape(weights.shape)


def token_frames(weights: Float[Tensor, "H N M"], *, skip: int) -> Int[np.ndarray, "n"]:
    """The frame at which each of the rows from `skip` to the one before the last begins.

    A row is a token that was put in, so it looks at the sound of the one after it. All of them are normalised over; the
    prompt (`skip` rows) and the end (the last) take no part in the path.
    """
    std = weights.std(dim=-2, keepdim=True, unbiased=False).clamp(min=1e-10)
    normal = median_filter((weights - weights.mean(dim=-2, keepdim=True)) / std)
    matrix = normal.mean(dim=0)[skip:-1]
    rows, columns = dynamic_time_warping(-matrix.double().cpu().numpy())
    return columns[np.diff(rows, prepend=-1) > 0]


def attend(
    model: WhisperForConditionalGeneration,
    states: Float[Tensor, "1 M D"],
    tokens: Sequence[int],
    heads: Sequence[tuple[int, int]],
) -> tuple[Float[Tensor, "N V"], Float[Tensor, "H N M"]]:
    """Forced decoding: logits after each token, and the cross-attention of the heads `(layer, head)`."""
    seen: dict[int, Tensor] = {}
    with ExitStack() as hooks:
        for layer in {layer for layer, _ in heads}:

            def keep(module: object, given: object, output: tuple, layer: int = layer) -> None:
                seen[layer] = output[1]

            attention: Any = model.model.decoder.layers[layer].encoder_attn
            hooks.callback(attention.register_forward_hook(keep).remove)
        ids = torch.tensor([list(tokens)], device=states.device)
        hidden = model.model.decoder(input_ids=ids, encoder_hidden_states=states, use_cache=False).last_hidden_state
    weights = torch.stack([seen[layer][0, head] for layer, head in heads]).float()
    return model.proj_out(hidden)[0].float(), weights
