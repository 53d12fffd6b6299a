"""The critics' side of a training step: they learn, and their gradients join the reconstruction's."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from valle_codec_tiny.discriminators import Critic


class Critics:
    """Critics with their optimizer and the weights of what they say.

    Gradients are balanced at the waveform (as in EnCodec, 2210.13438, section 3.4): what the critics ask is as long as
    a fixed multiple of what the reconstruction asks, so no weight depends on how well either is doing.
    """

    def __init__(self, adversarial: float, matching: float, practice: int, lr: float) -> None:
        self.critic = Critic()
        self.optimizer = torch.optim.AdamW(self.critic.parameters(), lr=lr, betas=(0.8, 0.98), weight_decay=0.01)
        self.adversarial, self.matching, self.practice = adversarial, matching, practice

    @property
    def lessons(self) -> int:
        """Steps the critics have made, over all sessions of a run."""
        state = self.optimizer.state.get(next(self.critic.parameters()))
        return int(state["step"]) if state else 0

    def gradient(
        self, recorded: Float[Tensor, "B N"], decoded: Float[Tensor, "B N"], loss: Tensor, losses: dict[str, Tensor]
    ) -> Float[Tensor, "B N"]:
        """Train the critics on this batch; the gradient at `decoded` of `loss` and of what they ask together.

        Their losses are written into `losses` as `critic`, `adversarial` and `matching`.
        """
        with torch.autocast("cpu", dtype=torch.bfloat16):
            losses["critic"] = self.critic.judge(recorded, decoded)
        self.optimizer.zero_grad(set_to_none=True)
        losses["critic"].backward()
        norm = torch.nn.utils.clip_grad_norm_(self.critic.parameters(), 10.0)
        if bool(torch.isfinite(norm)):
            self.optimizer.step()
        total = torch.autograd.grad(loss, decoded)[0]
        if self.lessons <= self.practice:
            return total
        length = total.norm()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            losses["adversarial"], losses["matching"] = self.critic.guide(recorded, decoded)
        for name, weight in (("adversarial", self.adversarial), ("matching", self.matching)):
            asked = torch.autograd.grad(losses[name], decoded, retain_graph=name == "adversarial")[0]
            total = total + asked * (weight * length / asked.norm().clamp(min=1e-12))
        return total
