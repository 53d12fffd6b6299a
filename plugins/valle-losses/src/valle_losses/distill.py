"""The loss `distill`: the distributions of a teacher, a run that was trained before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valle_core.plugin import PluginSpec, UserError

SPEC = PluginSpec(
    kind="loss",
    name="distill",
    api=1,
    summary="Follow the distributions of a trained run, of more layers or another arch",
    factory="valle_losses.distill:build",
    options="valle_losses.distill:DistillOptions",
    paper="arXiv 1503.02531",
    memory="the teacher's weights",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class DistillOptions:
    """Options of `--loss distill`.

    Attributes:
        teacher: run or checkpoint to learn from.
        weight: part of the teacher's distributions in the loss, in [0, 1]; the rest is that of the data.
        temperature: that both distributions are softened by.
    """

    teacher: Path | None = None
    weight: float = 0.5
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise UserError(f"weight must be in [0, 1], got {self.weight}")
        if not 0 < self.temperature < float("inf"):
            raise UserError(f"temperature must be above 0, got {self.temperature}")


def build(options: DistillOptions, *, manifest: Any, rules: Any) -> Any:
    """weight · (T² · KL(teacher ‖ student) − cross-entropy), equation 2 and section 2.1 of 1503.02531.

    With the cross-entropy of the data that is (1 − weight) · data + weight · teacher. `distill` in the metrics;
    `teacher_kl` is the divergence at temperature 1.

    Raises:
        UserError: no teacher, or one of other codes, symbols, languages or rows.
    """
    import torch
    import torch.nn.functional as F

    from valle_core.api import Registry, load_model
    from valle_losses.contracts import mean, of_levels, with_more

    if options.teacher is None:
        raise UserError("loss 'distill' needs a trained run to learn from. Name it with --loss.teacher RUN")
    loaded = load_model(options.teacher, Registry.open(), device=torch.device("cpu"))
    for what in ("codec", "symbols", "languages"):
        if getattr(loaded.manifest, what) != getattr(manifest, what):
            raise UserError(f"--loss.teacher {options.teacher} was trained on other {what} than the dataset has")
    teacher: Any = loaded.model.requires_grad_(False)
    if teacher.rules != rules:
        raise UserError(
            f"--loss.teacher {options.teacher} reads other rows than this run. Give the same --model and --alignment "
            f"options: --config {loaded.path / 'model.yaml'}"
        )
    T = options.temperature

    def distill(batch: Any, output: Any) -> Any:
        teacher.to(batch.positions.device)
        with torch.no_grad():
            wanted = {level: logits.detach().float() for level, logits in teacher(batch).logits.items()}
        losses, divergences = [], []
        for level, logits, targets in of_levels(batch, output):
            p = (wanted[level] / T).log_softmax(-1)
            q = (logits / T).log_softmax(-1)
            divergence = F.kl_div(q, p, reduction="none", log_target=True).sum(-1)
            losses.append(T**2 * divergence - F.cross_entropy(logits, targets, reduction="none"))
            p, q = wanted[level].log_softmax(-1), logits.detach().log_softmax(-1)
            divergences.append(F.kl_div(q, p, reduction="none", log_target=True).sum(-1))
        figures = {"teacher_kl": mean(divergences)}
        return with_more(output, losses={"distill": options.weight * mean(losses)}, figures=figures)

    return distill
