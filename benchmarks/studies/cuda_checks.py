"""What `cuda.py` tries: each check runs for one plugin in a process of its own and gives rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from valle_core.registry.registry import Registry

DTYPES = ("float32", "bfloat16", "float16")
NEAR = {"bfloat16": 6e-2, "float16": 1e-2}
"""How far a backbone's states may be from its own in float32, of the largest value."""

SMALL = {"d_model": 64, "n_layers": 2, "n_heads": 2, "n_kv_heads": 1, "dropout": 0.0}
"""Options of a backbone, as far as it has them."""

Result = dict[str, Any]
"""`what` was tried, `ok` (None: a figure, not a verdict), what was `found`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Where:
    """How a check runs: on which device, small or not, for which plugin, and where it may write."""

    device: str
    tiny: bool
    out: Path
    plugin: str = ""


def environment(where: Where) -> Iterator[Result]:
    """Versions, the GPU, and what the plugins say of themselves."""
    import torch

    gpu = torch.cuda.get_device_name() if where.device == "cuda" else "no GPU"
    yield {"what": "torch and GPU", "ok": None, "found": f"torch {torch.__version__}, CUDA {torch.version.cuda}, {gpu}"}
    for entry in Registry.open().entries():
        if entry.status not in ("ok", "not-installed"):
            yield {"what": f"{entry.kind.name} {entry.name}", "ok": None, "found": f"{entry.status}: {entry.why}"}


def kernel_suite(where: Where) -> Iterator[Result]:
    """The conformance suite of a kernel in each dtype it declares."""
    import torch

    from valle_core.assemble.part import build
    from valle_testing import suite

    selected = Registry.open().select("attention", where.plugin)
    for dtype in [name for name in DTYPES if name in selected.spec.dtypes][: 1 if where.tiny else None]:
        kernel = build(selected, selected.options_type()())
        only = {"gives_the_dtype_it_takes"} if where.tiny else ()
        how = {"device": where.device, "dtype": getattr(torch, dtype), "only": only}
        yield from verdicts(f"suite, {dtype}", suite.run("attention", kernel, selected.spec.capabilities,
                                                         spec=selected.spec, **how), tiny=where.tiny)  # fmt: skip


def backbone_suite(where: Where) -> Iterator[Result]:
    """The conformance suite of a backbone in float32, then its states in 16 bits beside those."""
    import torch

    from valle_core.assemble.part import build
    from valle_testing import suite
    from valle_testing.fakes.rule_kernel import RuleKernel
    from valle_testing.installed import SMALL as sizes

    selected = Registry.open().select("arch", where.plugin)
    attention = RuleKernel() if "attention" in selected.spec.needs else None
    kind = torch.float64 if "rounds" in selected.spec.capabilities else torch.float32

    def small(**changes: Any) -> Any:
        options = replace(selected.options_type()(**fitting(selected, **sizes)), **changes)
        return build(selected, options, attention=attention).to(where.device, kind)

    only = {"has_no_dropout_in_eval"} if where.tiny else ()
    yield from verdicts("suite", suite.run("arch", small, spec=selected.spec, only=only), tiny=where.tiny)
    for dtype, bound in NEAR.items():
        if dtype in selected.spec.dtypes:
            apart = distance(backbone_of(where, selected), where, getattr(torch, dtype))
            yield {"what": f"states in {dtype}", "ok": apart <= bound, "found": f"{apart:.1e} from float32"}


def codec_round_trip(where: Where) -> Iterator[Result]:
    """The suite of a codec on the device, and its codes and sound beside those of the CPU, without TF32."""
    import torch

    from valle_bench.codec.signals import batch
    from valle_testing import suite

    torch.backends.cudnn.allow_tf32 = False
    selected = Registry.open().select("codec", where.plugin)
    if not where.tiny:
        report = suite.run(
            "codec",
            lambda **changes: codec_of(where.plugin, where.device, **changes),
            spec=selected.spec,
            device=where.device,
        )
        yield from verdicts("suite", report, tiny=False)
    made, other = codec_of(where.plugin, where.device), codec_of(where.plugin, "cpu")
    wav = batch(0.3 if where.tiny else 3.0, made.sample_rate, 2, seed=0)
    lengths = torch.full((2,), wav.shape[1])
    with torch.inference_mode():
        ours, frames = made.encode(wav.to(where.device), lengths.to(where.device))
        theirs, _ = other.encode(wav, lengths)
        back, _ = made.decode(theirs.to(where.device), frames)
        beside, _ = other.decode(theirs, frames.cpu())
    equal = float((ours.cpu() == theirs).float().mean())
    apart = float((back.cpu() - beside).abs().max() / beside.abs().max().clamp(min=1e-9))
    yield {"what": "codes as on the CPU", "ok": equal >= 0.99, "found": f"{100 * equal:.2f} % equal"}
    yield {"what": "sound as on the CPU", "ok": apart <= 1e-3, "found": f"{apart:.1e} of the largest sample"}


def training_step(where: Where) -> Iterator[Result]:
    """Steps of `valle train` with a backbone: float32, then bfloat16, then that compiled."""
    import torch

    from valle_core.config.resolve import resolve
    from valle_core.registry.hooks import Observers
    from valle_core.training.config import TRAIN_SCHEMA
    from valle_core.training.run import run_training

    data = corpus(where)
    chosen = Registry.open().select("arch", where.plugin)
    sizes = {f"arch.{name}": value for name, value in fitting(chosen, **SMALL).items()}
    steps = 2 if where.tiny else 12
    ways = {
        "fp32": {"precision": "fp32"},
        "bf16": {"precision": "bf16"},
        "bf16, compiled": {"precision": "bf16", "compile": True},
    }
    first: list[float] = []
    for way, more in list(ways.items())[: 1 if where.tiny else None]:
        lines: list[dict[str, Any]] = []
        given = {"data": str(data), "out": str(where.out / f"run-{where.plugin}-{len(first)}"), "arch": where.plugin,
                 "steps": steps, "log_every": 1, "warmup": 1, "text_gain_every": 0, "device": where.device,
                 **sizes, **more}  # fmt: skip
        registry = Registry.open()
        begun = time.perf_counter()
        run_training(
            resolve(TRAIN_SCHEMA, registry, flags=list(given.items())), registry, Observers(), report=lines.append
        )
        losses = [line["loss"] for line in lines if "loss" in line]
        first.append(losses[0])
        finite = bool(torch.tensor(losses).isfinite().all()) and abs(first[0] - losses[0]) < 0.05 * abs(first[0])
        took = time.perf_counter() - begun
        yield {
            "what": f"training, {way}",
            "ok": finite,
            "found": f"loss {losses[0]:.4f} → {losses[-1]:.4f}, {took:.0f} s",
        }


def launches(where: Where) -> Iterator[Result]:
    """How many operations a training step and a decoding step of a backbone are; on a GPU each is a launch or more."""
    import torch

    from valle_bench.arch.own_model import OwnDecoder
    from valle_core.types import SequenceMask

    backbone = backbone_of(where, Registry.open().select("arch", where.plugin))
    x = torch.randn(2, 64, backbone.d_model, device=where.device)
    mask = SequenceMask.causal(torch.tensor([64, 40], device=where.device))
    with counting() as step:
        backbone.finish(backbone(x, mask, torch.arange(64, device=where.device).expand(2, 64)).h).sum().backward()
    yield {"what": "operations of a training step", "ok": None, "found": str(step.count)}
    decoder = OwnDecoder(backbone, 1, 64)
    with torch.no_grad():
        decoder.feed(x[:1, :1])
        with counting() as step:
            decoder.feed(x[:1, 1:2])
    yield {"what": "operations of a decoding step", "ok": None, "found": str(step.count)}


def bench_attention(preset: str, seconds: int, **options: Any) -> Callable[[Where], Iterator[Result]]:
    """`valle bench attention --preset NAME`, with its files in a folder of its own."""

    def run(where: Where) -> Iterator[Result]:
        from valle_bench.commands.attention import SCHEMA, attention
        from valle_testing.command import context_of

        small = {"lengths": "16", "form": "causal", "heads": 2, "batch": "1", "head_width": "8", "repeats": 1}
        more = options | (
            small | {"kernel": ("sdpa",)} if where.tiny else {"cell_seconds": 2.0, "max_seconds": float(seconds)}
        )
        out = where.out / f"attention-{preset}"
        made = attention(context_of(SCHEMA, preset=preset, device=where.device, force=True, out=str(out), **more))
        rows = made.facts["rows"]
        for name in dict.fromkeys(row["kernel"] for row in rows):
            mine = [row for row in rows if row["kernel"] == name]
            wrong = [row for row in mine if row["match"] is False]
            best = max((row["tflops"] or 0.0 for row in mine), default=0.0)
            found = f"{sum(row['match'] is True for row in mine)} match, {len(wrong)} do not, best {best:.4g} TFLOP/s"
            yield {"what": f"{preset}: {name}", "ok": not wrong, "found": found, "note": mine[0]["note"]}

    return run


def counting() -> Any:
    """A context whose `count` is that of the operations in it."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Count(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, function: Any, types: Any, given: Any = (), named: Any = None) -> Any:
            self.count += 1
            return function(*given, **(named or {}))

    return Count()


def verdicts(what: str, report: Any, *, tiny: bool) -> Iterator[Result]:
    """A suite's checks that failed, and how many there were."""
    for one in report.outcomes:
        if one.verdict in ("failed", "unexpected-pass"):
            yield {"what": f"{what}: {one.check}", "ok": False, "found": one.found[:400]}
    ok = report.ok or (tiny and not report.count("failed"))
    yield {"what": what, "ok": ok, "found": report.summary}


def fitting(selected: Any, **wanted: Any) -> dict[str, Any]:
    """Of the wanted options those that the plugin has."""
    return {name: value for name, value in wanted.items() if name in selected.options_type().__dataclass_fields__}


def codec_of(name: str, device: str, **changes: Any) -> Any:
    """A codec; on random weights of one seed where it has published ones, for nothing can be fetched."""
    import torch

    from valle_core.assemble.part import build

    selected = Registry.open().select("codec", name)
    random = {"weights": "random"} if len(fitting(selected, weights="", seed=0)) == 2 else {}
    options = selected.options_type()(**(random | changes))
    return build(selected, options, device=torch.device(device))


def backbone_of(where: Where, selected: Any, **sizes: Any) -> Any:
    """A small backbone (or of these sizes) over `sdpa` in eval mode, on the device, with weights of one seed."""
    import torch

    from valle_core.assemble.part import build
    from valle_kit.mixed_rows import MixedRows

    registry = Registry.open()
    attention = None
    if "attention" in selected.spec.needs:
        kernel = registry.select("attention", "sdpa")
        attention = MixedRows(build(kernel, kernel.options_type()()), kernel.spec.capabilities)
    options = selected.options_type()(**fitting(selected, **SMALL | sizes))
    torch.manual_seed(0)
    return build(selected, options, attention=attention).to(where.device).eval()


def distance(backbone: Any, where: Where, dtype: Any) -> float:
    """How far states in a dtype are from those in float32, of the largest value; causal and full rows."""
    import torch

    from valle_core.types import SequenceMask

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 48, backbone.d_model, generator=generator).to(where.device)
    lengths = torch.tensor([48, 31], device=where.device)
    mask = SequenceMask(lengths=lengths, prefix=lengths * torch.tensor([0, 1], device=where.device),
                        query_start=torch.zeros_like(lengths))  # fmt: skip
    positions = torch.arange(48, device=where.device).expand(2, 48)
    with torch.no_grad():
        exact = backbone.finish(backbone(x, mask, positions).h)
        rough = backbone.to(dtype)
        found = rough.finish(rough(x.to(dtype), mask, positions).h).float()
    real = torch.arange(48, device=where.device) < lengths[:, None]
    return float((found - exact)[real].abs().max() / exact[real].abs().max())


def corpus(where: Where) -> Path:
    """A dataset of tones with codes of the built-in codec."""
    import torch

    from valle_data.preparation.options import PrepareOptions
    from valle_data.preparation.prepare import prepare
    from valle_testing.fakes.audio import FakeFrontend, tone_corpus

    place = where.out / f"tones-{where.plugin}"
    if not (place / "data").exists():
        tone_corpus(place / "wav")
        codec = codec_of("tiny", "cpu")
        with torch.inference_mode():
            prepare(PrepareOptions(source=place / "wav", out=place / "data"), codec=codec, frontend=FakeFrontend(),
                    frontend_name="fake")  # fmt: skip
    return place / "data"
