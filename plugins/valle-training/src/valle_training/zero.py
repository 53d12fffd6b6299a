"""DeepSpeed's ZeRO (Rajbhandari et al. 2019, arXiv 1910.02054): what an optimizer remembers, split over processes."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from accelerate.utils import patch_environment
from torch import Tensor, nn

from valle_core.api import TrainOptions, UserError
from valle_training import zero_weights
from valle_training.sharding import with_all_weights
from valle_training.together import BUCKET, DistributedProcesses, alive

MOMENTS = ("exp_avg", "exp_avg_sq")
HINT = "--zero needs DeepSpeed. Install it with: valle plugins install 'valle-training[deepspeed]'"


class ZeroProcesses(DistributedProcesses):
    """Stages 1 to 3, through DeepSpeed's own engine: Accelerate has none where the device is a CPU."""

    def __init__(self, options: TrainOptions, stage: int) -> None:
        """Raises `UserError` where DeepSpeed is missing, or cannot do what is asked for."""
        if options.shard:
            raise UserError("--shard and --zero both split a run over its processes; give one of them")
        if options.precision == "fp16":
            raise UserError("--zero cannot scale the loss of --precision fp16; use bf16 or fp32")
        self._stage, self._clip = stage, options.clip
        self._initialize = _deepspeed("cpu" if options.device == "cpu" or not torch.cuda.is_available() else "cuda")
        super().__init__(replace(options, precision="fp32", shard=False))  # DeepSpeed is to know of no other type
        self.keeps_all = False
        device = self.accelerator.device.type
        self._half = options.mixed_precision(device) == "bf16"
        if self._half:  # weights and gradients stay float32, as without ZeRO
            self.accelerator.autocast = partial(torch.autocast, device, torch.bfloat16)

    def prepare(self, model: nn.Module, optimizer: Any, average: Any) -> tuple[Any, Any]:
        """Raises `UserError` for an optimizer that needs weights whole."""
        if type(optimizer) is not torch.optim.AdamW:
            raise UserError("--zero splits AdamW alone, weight by weight; leave --optimizer out, or use --shard")
        if self._stage == 3:
            zero_weights.before(model)
        else:
            model.register_forward_hook(partial(with_all_weights, list(model.modules())))
        whole = [list(group["params"]) for group in optimizer.param_groups]
        state = {weight: dict(optimizer.state.pop(weight)) for weight in list(optimizer.state)}
        with alive(computes=True):
            self._engine, *_ = self._initialize(
                model=model, optimizer=optimizer, config=_configuration(self._stage, self._clip, half=self._half)
            )
        if self._stage == 3:
            zero_weights.after(model, average)
        split = WholeState(self._engine.optimizer, optimizer, whole, self._stage, self.rank)
        split.load(state)
        return self._engine, SplitOptimizer(split)

    def backward(self, loss: Tensor) -> None:
        with alive(computes=True):
            self._engine.backward(loss * self.world)

    def update(self, model: nn.Module, optimizer: Any, clip: float) -> tuple[Tensor, Tensor]:
        """DeepSpeed itself reads from the device whether the norm is finite."""
        with alive(computes=True):
            self._engine.step()
        good = torch.tensor(not self._engine.optimizer.overflow)
        return torch.as_tensor(self._engine.get_global_grad_norm()), good


class WholeState:
    """The state of a split optimizer as that of a whole one. All processes must look at a weight together."""

    def __init__(
        self, zero: Any, optimizer: torch.optim.Optimizer, whole: list[list[nn.Parameter]], stage: int, rank: int
    ) -> None:
        self._zero, self._optimizer, self._whole, self._stage, self._rank = zero, optimizer, whole, stage, rank
        self._group = {weight: place for place, weights in enumerate(whole) for weight in weights}
        self.defaults, self.state = optimizer.defaults, self
        self.register_step_pre_hook = optimizer.register_step_pre_hook

    @property
    def rates(self) -> list[dict[str, Any]]:
        """The groups that the optimizer steps by."""
        return self._optimizer.param_groups

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The same groups, of the weights of the model."""
        return [{**group, "params": weights} for group, weights in zip(self.rates, self._whole, strict=True)]

    def get(self, weight: nn.Parameter) -> dict[str, Any]:
        """The state of a weight, put together."""
        from deepspeed.utils import safe_get_full_optimizer_state

        return {
            "step": self._optimizer.state[self._part(weight)]["step"],
            **{key: safe_get_full_optimizer_state(weight, key) for key in MOMENTS},
        }

    def load(self, states: Mapping[nn.Parameter, Mapping[str, Tensor]]) -> None:
        """Begin with this process's part of AdamW's state; a weight of which it says nothing begins with zeros."""
        from deepspeed.utils import safe_set_full_optimizer_state

        # Laid out here: DeepSpeed, at its first step, would link weights with what their group has not got yet.
        for part in {id(one): one for weights in self._whole for one in map(self._part, weights)}.values():
            moments = {key: torch.zeros_like(part) for key in MOMENTS}
            self._optimizer.state[part] = {"step": torch.zeros((), device=part.device), **moments}
        if self._stage < 3:
            self._zero._lazy_init_hp_params_optimizer_state()
        for weight, state in states.items():
            step = self._optimizer.state[self._part(weight)]["step"]
            step.copy_(torch.maximum(step, state["step"]))  # one for the group
            if self._stage == 3:
                zero_weights.load_state(weight, {key: state[key] for key in MOMENTS}, self._rank)
                continue
            for key in MOMENTS:
                safe_set_full_optimizer_state(weight, state[key], key)

    def _part(self, weight: nn.Parameter) -> Tensor:
        """What the optimizer steps on in place of a weight and the others of its group."""
        if self._stage == 3:
            return zero_weights.part_of_state(self._zero, weight)
        (part,) = self.rates[self._group[weight]]["params"]
        return part


class SplitOptimizer:
    """As Accelerate's: `optimizer` is the state, the groups are those whose rate is set."""

    def __init__(self, state: WholeState) -> None:
        self.optimizer = state

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return self.optimizer.rates

    def zero_grad(self, set_to_none: bool = True) -> None:
        """DeepSpeed's step has done it."""


def stage_of(options: TrainOptions, environment: Mapping[str, str]) -> int:
    """The stage that is asked for, if only of `accelerate launch --use_deepspeed`."""
    asked = environment.get("ACCELERATE_USE_DEEPSPEED", "").lower() == "true"
    return options.zero or (int(environment.get("ACCELERATE_DEEPSPEED_ZERO_STAGE", "2")) if asked else 0)


def _deepspeed(device: str) -> Callable[..., Any]:
    """What splits a model's optimizer, with the device's way of talking; it prints nothing of its own."""
    try:
        with patch_environment(DS_ACCELERATOR=device), redirect_stdout(sys.stderr):
            import deepspeed
    except ModuleNotFoundError as error:
        if error.name != "deepspeed":
            raise
        raise UserError(HINT) from error
    deepspeed.utils.logger.setLevel("ERROR")
    warnings.filterwarnings("ignore", "`torch.distributed.* is deprecated", FutureWarning)  # it calls what was
    deepspeed.ops.__compatible_ops__ = {}  # it would compile one that a CPU talks with, for minutes; gloo does as well
    return deepspeed.initialize


def _configuration(stage: int, clip: float, *, half: bool) -> dict[str, Any]:
    passes = {"torch_autocast": {"enabled": True, "dtype": "bfloat16", "lower_precision_safe_modules": []}}
    return {
        "train_micro_batch_size_per_gpu": 1,  # nothing hangs on it: the loss is of the whole step already
        "gradient_accumulation_steps": 1,
        "managed_gradient_accumulation": False,  # whoever calls `step` says where the step ends
        "gradient_clipping": clip,
        "steps_per_print": None,
        "zero_optimization": {
            "stage": stage,
            "reduce_bucket_size": BUCKET,
            "allgather_bucket_size": BUCKET,
            "overlap_comm": False,
            **(zero_weights.SETTINGS if stage == 3 else {}),
        },
        **(passes if half else {}),
    }
