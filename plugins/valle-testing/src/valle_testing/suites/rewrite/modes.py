"""The part of the suite of rewrites on what is frozen and on the mode (train, eval) of a backbone."""

from __future__ import annotations

from collections.abc import Callable

from valle_core.interfaces import Rewrite
from valle_testing.contract import contract
from valle_testing.suites.rewrite.backbones import BACKBONES
from valle_testing.watch import seeded


@contract("Rewrite.apply", "What is frozen stays frozen, what is not does not become so")
def freezes_nothing_and_thaws_nothing(build: Callable[[], Rewrite], *, device: str = "cpu") -> None:
    """Parameters outside the targets keep whether they are trained: with all of them trained, and with norms frozen."""
    rewrite = build()
    for make in BACKBONES:
        for frozen in ((), ("norm",)):
            with seeded(0):
                backbone = make().to(device)
            for name, parameter in backbone.named_parameters():
                parameter.requires_grad_(not any(word in name for word in frozen))
            targets = tuple(f"{target}." for target in rewrite.targets(backbone))
            with seeded(1):
                after = rewrite.apply(backbone)
            for name, parameter in after.named_parameters():
                wanted = not any(word in name for word in frozen)
                if not name.startswith(targets):
                    found = "trained" if parameter.requires_grad else "frozen"
                    assert parameter.requires_grad == wanted, f"'{name}' is not a target and is {found} after apply"


@contract("Rewrite.apply", "the mode (train, eval) is that of the backbone, everywhere.")
def keeps_the_mode(build: Callable[[], Rewrite], *, device: str = "cpu") -> None:
    """Applied to a backbone in training and in eval mode: every module is in that mode, the new ones too."""
    rewrite = build()
    for make in BACKBONES:
        for training in (True, False):
            with seeded(0):
                after = rewrite.apply(make().to(device).train(training))
            odd = [name or "the backbone" for name, part in after.named_modules() if part.training != training]
            modes = ("eval", "training") if training else ("training", "eval")
            assert not odd, f"'{odd[0]}' is in {modes[0]} mode after apply, the backbone was in {modes[1]} mode"


MODE_CHECKS: tuple[Callable[..., None], ...] = (freezes_nothing_and_thaws_nothing, keeps_the_mode)
"""Each takes `(build, *, device="cpu")`."""
