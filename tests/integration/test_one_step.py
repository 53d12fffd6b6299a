"""One optimizer step: accumulated batches weigh as one, clipping follows unscaling, a bad gradient harms nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest
import torch

from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.sequence.layout import lay_out
from valle_core.sequence.pack import pack
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.training.examples import Example
from valle_core.training.loop import train_step
from valle_core.training.meter import Meter
from valle_core.training.options import TrainOptions
from valle_core.training.processes import Processes
from valle_core.types import TaskInputs
from valle_testing.fakes.backbone import FakeBackbone

LEVELS, CODES = 3, 8


def make_model() -> CodecLM:
    torch.manual_seed(0)
    vocabulary = Vocabulary(symbols=6, languages=2, num_levels=LEVELS, codebook_size=CODES, per_language_text=False)
    return CodecLM(FakeBackbone(), vocabulary, ModelOptions())


def rows(count: int) -> list:
    """Rows of all levels, each with as many answered positions as the next (level 0 answers its stop as well)."""
    made = []
    for number in range(count):
        generator = torch.Generator().manual_seed(number)
        level = number % LEVELS
        frames = 4 if level == 0 else 5
        prompt, response = (torch.randint(0, CODES, (n, LEVELS), generator=generator) for n in (3, frames))
        inputs = TaskInputs(text=torch.tensor([1, 2, number % 4]), language=1, prompt=prompt, response=response)
        made.append(lay_out(inputs, level, response=response[:, : max(level, 1)], target=response[:, level]))
    return made


def examples(model: CodecLM, *batches: list) -> Iterator[Example]:
    for batch in batches:
        yield Example(batch=pack(batch, model.rules), seconds=1.0, tokens=10, skipped={})


def step(*batches: list, scaler: torch.amp.GradScaler | None = None, spoil: float = 0.0, **options):
    """The change of every weight by one step of plain gradient descent at rate 1, and the meter."""
    model = make_model()
    before = {name: tensor.clone() for name, tensor in model.named_parameters()}
    chosen = TrainOptions(device="cpu", accumulate=len(batches), **options)
    processes = Processes(chosen)
    accelerator = processes.accelerator
    if scaler is not None:
        accelerator.scaler = scaler
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    model, optimizer = accelerator.prepare(model, optimizer)
    if scaler is not None:  # fp16 as on a GPU, but computed in float32, so that both ways must agree
        accelerator.native_amp, accelerator.state._mixed_precision = True, "fp16"
        accelerator.autocast = nullcontext
    if spoil:
        next(model.parameters()).register_hook(lambda gradient: gradient * spoil)
    meter = Meter()
    train_step(model, optimizer, processes, examples(model, *batches), meter, chosen)
    return {name: tensor.detach() - before[name].detach() for name, tensor in model.named_parameters()}, meter


def norm(changes: dict[str, torch.Tensor]) -> float:
    return float(torch.stack([change.norm() for change in changes.values()]).norm())


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> None:
    for name, change in left.items():
        torch.testing.assert_close(
            change, right[name], atol=1e-6, rtol=1e-4, msg=lambda text, name=name: f"{name} {text}"
        )


def uneven(count: int) -> list:
    """Rows of all levels whose responses are 1 to 23 frames long, shortest first."""
    made = []
    for number in range(count):
        generator, level = torch.Generator().manual_seed(number), number % LEVELS
        prompt, response = (torch.randint(0, CODES, (n, LEVELS), generator=generator) for n in (3, 1 + number // 3))
        inputs = TaskInputs(text=torch.tensor([1, 2, number % 4]), language=1, prompt=prompt, response=response)
        made.append(lay_out(inputs, level, response=response[:, : max(level, 1)], target=response[:, level]))
    return made


@pytest.mark.parametrize("parts", [2, 4])
def test_accumulated_parts_of_a_batch_change_the_weights_as_the_whole_batch_however_long_its_rows_are(parts):
    """The short rows come first: a mean of the parts' means would weigh their positions several times as much."""
    whole = uneven(64)
    size = len(whole) // parts
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    (once, one), (gathered, several) = step(whole, clip=0.0), step(*pieces, clip=0.0)
    assert norm(once) > 1e-2
    for name, change in once.items():
        torch.testing.assert_close(change, gathered[name], atol=2e-5, rtol=1e-4)
    assert one.line(1, 0.1)["loss"] == pytest.approx(several.line(1, 0.1)["loss"], abs=2e-5)


def test_the_gradient_of_a_step_is_clipped_once_for_all_its_batches():
    whole = rows(6)
    changes, meter = step(whole[:3], whole[3:], clip=0.01)
    assert norm(changes) == pytest.approx(0.01, rel=1e-3)
    assert float(meter.sums["grad_norm"][0][0]) > 0.01, "the norm that is reported is the one before clipping"


@pytest.mark.parametrize("clip", [0.0, 0.01, 1e6])
def test_a_scaled_loss_is_unscaled_before_its_gradient_is_clipped(clip):
    plain, measured = step(rows(6), clip=clip)
    scaled, scaled_meter = step(rows(6), clip=clip, scaler=torch.amp.GradScaler("cpu", init_scale=2.0**12))
    same(plain, scaled)
    torch.testing.assert_close(
        measured.sums["grad_norm"][0][0], scaled_meter.sums["grad_norm"][0][0], rtol=1e-4, atol=0
    )


@pytest.mark.parametrize("spoil", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_changes_no_weight_and_is_counted(spoil):
    changes, meter = step(rows(6), clip=1.0, spoil=spoil)
    assert all(change.abs().max() == 0 for change in changes.values())
    assert int(meter.bad[0]) == 1


def test_an_overflow_of_a_scaled_loss_skips_the_step_and_lowers_the_scale():
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12)
    changes, _ = step(rows(6), clip=1.0, spoil=float("inf"), scaler=scaler)
    assert all(change.abs().max() == 0 for change in changes.values())
    assert scaler.get_scale() == 2.0**11
