"""What `cuda.py` tries of CUDA graphs: equal results with and without, launches of a step, tokens a second.

On a CPU a recorder does again the operations of a call in place of a graph, so that all but the capture is tried.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cuda_checks import Result, Where, backbone_of, codec_of, counting

from valle_core.registry.registry import Registry

FRAMES, PUSHES = 24, 48
"""Steps, and frames of a codec, that are compared."""


def steps(where: Where) -> Iterator[Result]:
    """Steps of 3 rows that leave one by one, replayed and not: states, and what greedy tokens follow."""
    import torch

    from valle_kit.compiled_steps import CompiledSteps

    plain = backbone_of(where, Registry.open().select("arch", where.plugin))
    if not isinstance(plain, CompiledSteps):
        yield {"what": "steps", "ok": None, "found": "this backbone has no step of its own to replay"}
        return
    plain.by_torch = True
    with torch.inference_mode(), _as_on_a_gpu():
        for dtype in (torch.float32,) if where.tiny else (torch.float32, torch.bfloat16):
            by_layers: Any = copy.deepcopy(plain)
            by_layers.to(dtype)
            by_graphs, captures = _replaying(by_layers, where)
            (tokens, states), (others, found) = (greedy(one, where, dtype) for one in (by_layers, by_graphs))
            apart = float((found - states).abs().max() / states.abs().max())
            near = apart < (1e-4 if dtype == torch.float32 else 3e-2)
            why, what = by_graphs.graphs.refusal, str(dtype)[6:]
            yield {"what": f"steps in {what}", "ok": not why and near, "found": why or f"{apart:.1e} apart"}
            same = float((tokens == others).float().mean())
            strict = dtype == torch.float32
            yield {
                "what": f"greedy tokens in {what}",
                "ok": same == 1.0 if strict else None,
                "found": f"{100 * same:.1f} % equal, {len(captures)} graphs",
            }


def passes(where: Where) -> Iterator[Result]:
    """Passes over full rows, of which the third is replayed: the states of one that is not."""
    import torch

    from valle_core.types import SequenceMask
    from valle_kit.attention_stack.stack import AttentionStack
    from valle_kit.graphs.pure import PureGraphs

    backbone = backbone_of(where, Registry.open().select("arch", where.plugin))
    if not isinstance(backbone, AttentionStack):
        yield {"what": "passes", "ok": None, "found": "only backbones with attention replay them"}
        return
    with torch.inference_mode(), _as_on_a_gpu():
        for lengths in ([48], [48, 31]):
            backbone.passes = PureGraphs("passes run", _capture(where, []), device=where.device)
            mask = SequenceMask.full(torch.tensor(lengths, device=where.device))
            positions = torch.arange(48, device=where.device).expand(len(lengths), 48)
            apart = 0.0
            for seed in range(4):
                x = torch.randn(len(lengths), 48, backbone.d_model, generator=torch.Generator().manual_seed(seed))
                x = x.to(where.device)
                found, wanted = (way(x, mask, positions).h for way in (backbone, backbone.through))
                real = torch.arange(48, device=where.device) < mask.lengths[:, None]
                apart = max(apart, float((found - wanted)[real].abs().max() / wanted[real].abs().max()))
            why = backbone.passes.refusal
            loses = type(backbone).report is not AttentionStack.report
            found = why or ("not replayed: it reports figures" if loses else f"{apart:.1e} apart")
            yield {"what": f"passes of {len(lengths)} rows", "ok": None if loses else not why and apart < 1e-5,
                   "found": found}  # fmt: skip


def pushes(where: Where) -> Iterator[Result]:
    """Streams of single frames, the second of them all replayed: the sound of one that is not."""
    import torch

    from valle_kit.codes.codec import StackCodec
    from valle_kit.graphs.pure import PureGraphs

    codec = codec_of(where.plugin, where.device)
    if not isinstance(codec, StackCodec):
        yield {"what": "pushes", "ok": None, "found": "only codecs over a stack replay them"}
        return
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(0, codec.codebook_size, (1, PUSHES, codec.num_levels), generator=generator).to(where.device)

    def said() -> Any:
        stream = codec.stream()
        return torch.cat([*(stream.push(one) for one in codes.split(1, 1)), stream.flush()], 1)

    codec.graphs, captures = None, []
    wanted = said()
    codec.graphs = PureGraphs("streams run", _capture(where, captures), device=where.device)
    apart = max(float((said() - wanted).abs().max() / wanted.abs().max().clamp(min=1e-9)) for _ in range(2))
    why = codec.graphs.refusal
    yield {"what": "pushes of a frame", "ok": not why and apart < 1e-4 and bool(captures),
           "found": why or f"{apart:.1e} apart, {len(captures)} graphs"}  # fmt: skip


def speed(where: Where) -> Iterator[Result]:
    """Tokens a second and operations a step, by layers and by graphs, of llama at (1024, 12) and 512 keys."""
    import torch

    from valle_core.types import SequenceMask
    from valle_kit.compiled_steps import CompiledSteps

    sizes = {"d_model": 64, "n_layers": 2} if where.tiny else {"d_model": 1024, "n_layers": 12, "n_heads": 16}
    dtype, keys, count = (torch.float32, 16, 3) if where.tiny else (torch.bfloat16, 512, 100)
    plain = backbone_of(where, Registry.open().select("arch", "llama"), **sizes)
    assert isinstance(plain, CompiledSteps)
    plain.by_torch = True
    by_layers: Any = plain
    by_layers.to(dtype)
    by_graphs, _ = _replaying(by_layers, where)
    with torch.inference_mode(), _as_on_a_gpu():
        for rows in (1, 2) if where.tiny else (1, 16):
            for name, backbone in (("layers", by_layers), ("graphs", by_graphs)):
                x = torch.randn(rows, keys, backbone.d_model, device=where.device).to(dtype)
                cache = backbone.new_cache(rows, keys + 2 * count + 2, dtype, x.device)
                lengths = torch.full((rows,), keys, device=where.device)
                positions = torch.arange(keys, device=where.device).expand(rows, keys)
                backbone(x, SequenceMask.causal(lengths), positions, cache=cache)
                seconds, done = _timed(lambda: backbone.step(x[:, :1], cache), count, where.device)  # noqa: B023
                yield {"what": f"{rows} rows by {name}", "ok": None,
                       "found": f"{rows / seconds:.0f} tokens/s, {done} operations a step"}  # fmt: skip


def greedy(backbone: Any, where: Where, dtype: Any) -> tuple[Any, Any]:
    """Tokens of 3 rows that leave at their bounds, and the states of the longest."""
    import torch

    from valle_core.synthesis.autoregressive import Prompted, decode
    from valle_core.synthesis.sampling.chain import SamplerChain
    from valle_core.synthesis.sampling.view import View
    from valle_core.types import SequenceMask
    from valle_testing.fakes.speaking import Greedy

    generator = torch.Generator().manual_seed(1)
    D, device = backbone.d_model, torch.device(where.device)
    table, x = (torch.randn(*shape, generator=generator).to(device, dtype) for shape in ((32, D), (3, 9, D)))
    states: list[Any] = []

    def head(h: Any, rows: Any) -> Any:
        states.append(h[-1].float())
        return h.float() @ table.float().T

    lengths = torch.tensor([9, 4, 6], device=device)
    mask = SequenceMask.causal(lengths)
    found = decode(
        backbone, Prompted(x=x, mask=mask, positions=torch.arange(9, device=device).expand(3, 9)),
        lambda tokens, rows: table[tokens][:, None], head, SamplerChain([Greedy()]),
        View(seeds=torch.arange(3, device=device), capacity=FRAMES), bounds=[5, 12, FRAMES], stop=-1,
    )  # fmt: skip
    return torch.cat(found.tokens), torch.stack(states)


def _replaying(backbone: Any, where: Where) -> tuple[Any, list[Any]]:
    """The same backbone, whose steps are replayed, and a list that grows with each capture."""
    from valle_kit.graphs.step import StepGraphs

    twin, captures = copy.deepcopy(backbone), []
    twin.graphs = StepGraphs(_capture(where, captures), device=where.device)
    return twin, captures


def _capture(where: Where, captures: list[Any]) -> Callable[..., Any]:
    from valle_kit.graphs.capture import by_cuda
    from valle_testing.fakes.recorded import by_recording

    def capture(run: Any, undo: Any) -> Any:
        captures.append(run)
        return (by_cuda if where.device == "cuda" else by_recording)(run, undo)

    return capture


def _as_on_a_gpu() -> Any:
    """Kernels that look at values where that costs nothing must not, as on a GPU."""
    from unittest.mock import patch

    return patch("valle_attention_sdpa.sdpa.may_look", lambda device: False)


def _timed(step: Callable[[], Any], count: int, device: str) -> tuple[float, int]:
    """Seconds of a step, and how many operations it is to the host."""
    import torch

    from valle_bench.runner.turns import timed

    for _ in range(2):
        step()

    def many() -> Sequence[Any]:
        return [step() for _ in range(count)]

    seconds, _ = timed(many, torch.device(device))
    with counting() as operations:
        step()
    return seconds / count, operations.count
