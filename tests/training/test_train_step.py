"""One optimizer step: what it accumulates, clips, skips and counts."""

from __future__ import annotations

import json
from contextlib import nullcontext

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from valle_core.loss.token_loss import token_loss
from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.sequence.layout import lay_out
from valle_core.sequence.pack import pack
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.training.examples import Example
from valle_core.training.meter import Meter
from valle_core.training.options import TrainOptions
from valle_core.training.processes import Processes
from valle_core.training.step import train_step
from valle_core.types import TaskInputs
from valle_testing.fakes.backbone import FakeBackbone


def make_model() -> CodecLM:
    torch.manual_seed(0)
    return CodecLM(FakeBackbone(), Vocabulary(symbols=6, languages=1, num_levels=2, codebook_size=8), ModelOptions())


def example(model: CodecLM, seed: int, level: int, frames: int = 5) -> Example:
    codes = torch.randint(0, 8, (frames, 2), generator=torch.Generator().manual_seed(seed))
    inputs = TaskInputs(text=torch.tensor([1, 2]), language=0, prompt=codes[:2], response=codes)
    row = lay_out(inputs, level, response=codes[:, :1], target=codes[:, level])
    return Example(batch=pack([row], model.rules), seconds=1.0, tokens=7, skipped={"too long": 3})


def step(model: CodecLM, examples: list[Example], terms=(), **options) -> tuple[dict[str, torch.Tensor], Meter]:
    """How a step of plain descent at rate 1 moved every parameter."""
    chosen = TrainOptions(device="cpu", accumulate=len(examples), **options)
    processes, meter = Processes(chosen), Meter()
    model, optimizer = processes.accelerator.prepare(model, torch.optim.SGD(model.parameters(), lr=1.0))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    train_step(model, optimizer, processes, iter(examples), meter, chosen, terms)
    assert all(p.grad is None for p in model.parameters()), "nothing is left over for the next step"
    return {name: p.detach() - before[name] for name, p in model.named_parameters()}, meter


def gradients(model: CodecLM, one: Example) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss, _ = token_loss(model(one.batch)[0], one.batch.predicted)
    loss.backward()
    return {name: torch.zeros_like(p) if p.grad is None else p.grad.clone() for name, p in model.named_parameters()}


def test_it_follows_the_gradient_of_the_mean_over_all_positions_of_its_batches_from_the_first_on():
    model = make_model()
    batches = [example(model, 1, level=0), example(model, 2, level=1, frames=9), example(model, 3, level=1)]
    each = [gradients(model, one) for one in batches]
    counts = [6, 9, 5]  # level 0 predicts its stop as well
    model.zero_grad()
    moved, meter = step(model, batches, clip=0.0)
    for name, change in moved.items():
        mean = sum(count * gradient[name] for count, gradient in zip(counts, each, strict=True)) / sum(counts)
        torch.testing.assert_close(change, -mean, atol=1e-6, rtol=1e-5)
    line = meter.line(1, 0.1)
    assert (meter.skipped.total(), line["skipped_utterances"], line["bad_steps"]) == (0, 9, 0)
    assert line["skipped: too long"] == 9


def test_a_loss_over_frames_is_the_mean_over_the_frames_of_all_batches_whatever_else_they_predict():
    model, plain = make_model(), make_model()
    batches = [example(model, 1, level=0), example(model, 2, level=0, frames=9), example(model, 3, level=1)]
    weights = iter([1.0, 2.0])

    def aligned(batch, output):
        if 0 not in batch.predicted:
            return output
        return output._replace(frame_losses={"alignment": next(weights) * model.heads.bias.sum()})

    without, _ = step(plain, batches, clip=0.0)
    moved, meter = step(model, batches, terms=[aligned], clip=0.0)
    expected = without["heads.bias"] - (6 * 1.0 + 10 * 2.0) / 16  # each level 0 predicts its stop as well
    torch.testing.assert_close(moved["heads.bias"], expected, atol=1e-6, rtol=1e-5)
    assert "alignment" in meter.line(1, 0.1)


def test_it_is_no_longer_than_the_clip_and_the_norm_is_told_before_clipping():
    model = make_model()
    one = example(model, 1, level=0)
    norm = torch.stack([g.norm() for g in gradients(model, one).values()]).norm()
    model.zero_grad()
    moved, meter = step(model, [one], clip=0.01)
    assert norm > 0.1
    assert float(torch.stack([change.norm() for change in moved.values()]).norm()) == pytest.approx(0.01, rel=1e-3)
    assert meter.line(1, 0.1)["grad_norm"] == pytest.approx(float(norm), rel=1e-4)


@pytest.mark.parametrize("clip", [0.0, 1.0])
def test_a_gradient_that_is_not_finite_moves_nothing_and_is_counted(clip):
    model = make_model()
    with torch.no_grad():
        model.heads.bias[1, 3] = float("inf")
    moved, meter = step(model, [example(model, 1, level=0), example(model, 2, level=1)], clip=clip)
    finite = {name: change for name, change in moved.items() if name != "heads.bias"}
    assert all(not change.any() for change in finite.values())
    line = meter.line(1, 0.1)
    assert line["bad_steps"] == 1
    json.dumps(line, allow_nan=False)  # NaN is no JSON


def test_one_bad_batch_does_not_hide_the_others():
    model = make_model()
    good, bad = example(model, 1, level=0), example(model, 2, level=1)
    with torch.no_grad():
        model.heads.bias[1, 3] = float("inf")
    _, meter = step(model, [good, bad])
    line = meter.line(1, 0.1)
    assert line["loss"] == pytest.approx(line["loss_0"])
    assert "loss_1" not in line


def test_a_step_that_a_scaler_skips_is_counted_though_a_fused_optimizer_hides_it():
    model = make_model()
    with torch.no_grad():
        model.heads.bias[0, 3] = float("inf")
    options = TrainOptions(device="cpu")
    processes, meter = Processes(options), Meter()
    model, optimizer = processes.accelerator.prepare(model, torch.optim.AdamW(model.parameters(), fused=True))
    processes.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=1.0)
    train_step(model, optimizer, processes, iter([example(model, 1, level=0)]), meter, options)
    assert not optimizer.step_was_skipped, "nobody says that it was"
    assert int(meter.bad[0]) == 1


class Reads(TorchDispatchMode):
    """Counts what makes the host wait for the device: `.item()`, `float`, `bool` and what chooses by values."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket.__name__ in ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero"):
            self.found.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("spoilt", [False, True])
def test_a_step_reads_nothing_from_the_device_and_a_bad_one_leaves_weights_and_state_as_they_were(spoilt, scaled):
    model, options = make_model(), TrainOptions(device="cpu", accumulate=2)
    processes, meter, reads = Processes(options), Meter(), Reads()
    if scaled:  # as with fp16 on a GPU, but computed in float32
        processes.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
    model, optimizer = processes.accelerator.prepare(model, torch.optim.AdamW(model.parameters(), fused=True))
    if scaled:
        processes.accelerator.native_amp, processes.accelerator.state._mixed_precision = True, "fp16"
        processes.accelerator.autocast = nullcontext
    batches = [example(model, seed, level=level) for seed, level in enumerate((0, 1))]
    train_step(model, optimizer, processes, iter(batches), meter, options)  # lays the state out
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    state = [value.clone() for one in optimizer.state.values() for value in one.values()]
    if spoilt:
        model.heads.bias.register_hook(lambda gradient: gradient * float("nan"))
    with reads:
        train_step(model, optimizer, processes, iter(batches), meter, options)
    assert reads.found == []
    assert meter.bad.tolist() == [int(spoilt)] * 2
    same = [torch.equal(weight, before[name]) for name, weight in model.state_dict().items()]
    after = [value for one in optimizer.state.values() for value in one.values()]
    same += [torch.equal(*pair) for pair in zip(after, state, strict=True)]
    assert all(same) if spoilt else not any(same)


def test_the_precision_is_that_of_the_device_unless_it_is_named():
    assert [TrainOptions().mixed_precision(device) for device in ("cpu", "cuda")] == ["no", "bf16"]
    assert [TrainOptions(precision="fp32").mixed_precision(device) for device in ("cpu", "cuda")] == ["no", "no"]
    assert TrainOptions(precision="fp16").mixed_precision("cuda") == "fp16"
