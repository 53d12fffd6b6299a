"""Adversarial training: the discriminators learn, and their gradients join the reconstruction's."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from valle_codec_tiny.discriminators import Discriminators


class AdversarialLoss:
    """Discriminators with their optimizer and the weights of their losses.

    Gradients are balanced at the waveform (as in EnCodec, 2210.13438, section 3.4): that of the discriminators is as
    long as a fixed multiple of that of the reconstruction loss, so no weight depends on how well either is doing.
    """

    def __init__(self, adversarial: float, matching: float, warmup: int, lr: float) -> None:
        self.discriminators = Discriminators()
        self.optimizer = torch.optim.AdamW(
            self.discriminators.parameters(), lr=lr, betas=(0.8, 0.98), weight_decay=0.01
        )
        self.adversarial, self.matching, self.warmup = adversarial, matching, warmup

    @property
    def steps(self) -> int:
        """Steps the discriminators have made, over all sessions of a run."""
        state = self.optimizer.state.get(next(self.discriminators.parameters()))
        return int(state["step"]) if state else 0

    def gradient(
        self, recorded: Float[Tensor, "B N"], decoded: Float[Tensor, "B N"], loss: Tensor, losses: dict[str, Tensor]
    ) -> Float[Tensor, "B N"]:
        """Train the discriminators on this batch; the gradient at `decoded` of `loss` and their losses together.

        Their losses are written into `losses` as `critic`, `adversarial` and `matching`.
        """
        with torch.autocast("cpu", dtype=torch.bfloat16):
            losses["critic"] = self.discriminators.judge(recorded, decoded)
        self.optimizer.zero_grad(set_to_none=True)
        losses["critic"].backward()
        norm = torch.nn.utils.clip_grad_norm_(self.discriminators.parameters(), 10.0)
        if bool(torch.isfinite(norm)):
            self.optimizer.step()
        total = torch.autograd.grad(loss, decoded)[0]
        if self.steps <= self.warmup:
            return total
        length = total.norm()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            losses["adversarial"], losses["matching"] = self.discriminators.guide(recorded, decoded)
        for name, weight in (("adversarial", self.adversarial), ("matching", self.matching)):
            asked = torch.autograd.grad(losses[name], decoded, retain_graph=name == "adversarial")[0]
            total = total + asked * (weight * length / asked.norm().clamp(min=1e-12))
        return total
