"""One RetNet layer: multi-scale retention and a feed-forward (Sun et al. 2023, arXiv 2307.08621, section 2.3)."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from valle_kit.onednn import linear, products
from valle_retnet.experts import Experts, Routing
from valle_retnet.feed_forward import FeedForward
from valle_retnet.options import RetNetSizes
from valle_retnet.retention import Form, state_after
from valle_retnet.rows import Rows, TwoWay
from valle_retnet.tables import StepTables, Tables, normalised, rotated

PROJECTION_GAIN = 2**-2.5
"""Of the Xavier initialisation of queries, keys, values and gates, as in the original."""


class Retention(nn.Module):
    """Multi-scale retention with torchscale's names; `merge` is ours.

    Positions inside a row's front are also read backwards, over the same queries, keys and values: a retention of
    what comes after, normalised by itself. `merge` weighs the two per channel; causal positions never meet it.
    """

    def __init__(self, sizes: RetNetSizes, form: Form) -> None:
        super().__init__()
        self.heads = sizes.n_heads
        self.eps = sizes.norm_eps
        self.form = form
        D, wide = sizes.d_model, sizes.value_dim
        self.q_proj = linear(D, D, bias=False)
        self.k_proj = linear(D, D, bias=False)
        self.v_proj = linear(D, wide, bias=False)
        self.g_proj = linear(D, wide, bias=False)
        self.out_proj = linear(wide, D, bias=False)
        self.merge = nn.Parameter(torch.empty(2, wide)) if sizes.full_rows == "bidirectional" else None
        if self.merge is not None:
            self.merge._no_weight_decay = True  # pyright: ignore[reportAttributeAccessIssue]
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Fresh weights; both directions count alike and keep the variance of one."""
        for projection in (self.q_proj, self.k_proj, self.v_proj, self.g_proj):
            nn.init.xavier_uniform_(projection.weight, gain=PROJECTION_GAIN)
        nn.init.xavier_uniform_(self.out_proj.weight)
        if self.merge is not None:
            nn.init.constant_(self.merge, 2**-0.5)

    def forward(
        self, x: Float[Tensor, "b T D"], rows: Rows, tables: Tables, state: Float[Tensor, "B H Dk W"] | None
    ) -> Float[Tensor, "b T D"]:
        """Padded places of x must be zero. A `state` is continued, then overwritten with the one after x."""
        q, k, v, gate = products(x, self.q_proj, self.k_proj, self.v_proj, self.g_proj)
        q, k, v = (rows.spread(each).to(tables.dtype).unflatten(2, (self.heads, -1)) for each in (q, k, v))
        q, k = rotated(q, tables.turn).transpose(1, 2), rotated(k, tables.key_turn).transpose(1, 2)  # [B, H, T, Dk]
        v = F.pad(v.transpose(1, 2), (0, 1), value=1.0)  # [B, H, T, Dv + 1], see valle_retnet.tables
        with torch.autocast(x.device.type, enabled=False):
            y = normalised(self.form(q, k, v, tables.decay, state), tables.mass, self.eps)
            y = y.transpose(1, 2).flatten(2)  # [B, T, H · Dv]
            if rows.two_way is not None and self.merge is not None:
                y = self._both_ways(y, q, k, v, rows.two_way, tables)
            if state is not None:
                with torch.no_grad():
                    state.copy_(state_after(k, v, tables.decay, rows.new, state))
        return self.out_proj(F.silu(gate) * rows.collect(y).to(x.dtype))

    def step(
        self, x: Float[Tensor, "B D"], tables: StepTables, state: Float[Tensor, "B H Dk W"]
    ) -> Float[Tensor, "B D"]:
        """One new position of each row; the state moves on in place."""
        B, H = len(x), self.heads
        qk = torch.stack((self.q_proj(x), self.k_proj(x)), dim=1).to(tables.dtype).view(B, 2, H, -1)
        q, k = rotated(qk, tables.turns).unbind(1)  # [B, H, Dk]
        v = F.pad(self.v_proj(x).to(tables.dtype).view(B, H, 1, -1), (0, 1), value=1.0)
        with torch.no_grad():
            state.mul_(tables.gamma).addcmul_(k[..., None], v)
        with torch.autocast(x.device.type, enabled=False):
            y = normalised((q[:, :, None] @ state)[:, :, 0], tables.mass, self.eps)
        return self.out_proj(F.silu(self.g_proj(x)) * y.flatten(1).to(x.dtype))

    def _both_ways(
        self,
        y: Float[Tensor, "B T HDv"],
        q: Float[Tensor, "B H T Dk"],
        k: Float[Tensor, "B H T Dk"],
        v: Float[Tensor, "B H T W"],
        two_way: TwoWay,
        tables: Tables,
    ) -> Float[Tensor, "B T HDv"]:
        """The fronts of the chosen rows with what comes after them merged in."""
        assert self.merge is not None
        assert tables.backward_mass is not None
        chosen, width = two_way.rows, two_way.width
        q, k, v = (part[chosen, :, :width] for part in (q, k, v))
        if two_way.inside is not None:
            k = k.masked_fill(~two_way.inside[:, None], 0.0)  # keys behind the front are not there
        after = self.form(q.flip(2), k.flip(2), v.flip(2), tables.decay, None).flip(2)
        after = normalised(after, tables.backward_mass, self.eps).transpose(1, 2).flatten(2)
        ahead = y[chosen, :width]
        before, behind = self.merge.to(y.dtype)
        merged = ahead * before + after * behind
        if two_way.inside is not None:
            merged = torch.where(two_way.inside, merged, ahead)
        if merged.shape == y.shape:
            return merged
        y = y.clone()
        y[chosen, :width] = merged
        return y


class Layer(nn.Module):
    """Pre-norm retention and feed-forward, each added to the residual stream."""

    def __init__(self, sizes: RetNetSizes, form: Form, dropout: float) -> None:
        super().__init__()
        self.retention = Retention(sizes, form)
        self.retention_layer_norm = nn.RMSNorm(sizes.d_model, eps=sizes.norm_eps)
        self.ffn = Experts(sizes) if sizes.n_experts else FeedForward(sizes)
        self.final_layer_norm = nn.RMSNorm(sizes.d_model, eps=sizes.norm_eps)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Float[Tensor, "b T D"],
        rows: Rows,
        tables: Tables,
        valid: Bool[Tensor, "b T"] | None,
        state: Float[Tensor, "B H Dk W"] | None = None,
    ) -> tuple[Float[Tensor, "b T D"], Routing | None]:
        x = x + self.dropout(self.retention(self.retention_layer_norm(x), rows, tables, state))
        between, routing = self.final_layer_norm(x), None
        if isinstance(self.ffn, Experts):
            between, routing = self.ffn(between, valid)
        else:
            between = self.ffn(between)
        return x + self.dropout(between), routing

    def step(
        self, x: Float[Tensor, "B D"], tables: StepTables, state: Float[Tensor, "B H Dk W"]
    ) -> Float[Tensor, "B D"]:
        """One new position of each row."""
        x = x + self.dropout(self.retention.step(self.retention_layer_norm(x), tables, state))
        between = self.final_layer_norm(x)
        return x + self.dropout(self.ffn.step(between) if isinstance(self.ffn, Experts) else self.ffn(between))
