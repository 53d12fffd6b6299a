"""Conformance suite of codecs.

test_it_conforms = suite.conformance("codec", lambda: MyCodec(MyOptions(), device=torch.device("cpu")), spec=SPEC)
"""

# ruff: noqa: PT018  (one finding may take two conditions)
from __future__ import annotations

from collections.abc import Callable
from unittest import SkipTest

import torch

from valle_core.plugin import PluginSpec
from valle_testing.contract import contract
from valle_testing.refusing import refused
from valle_testing.suites.codec.options import OPTION_CHECKS
from valle_testing.suites.codec.round_trip import ROUND_TRIP_CHECKS
from valle_testing.suites.codec.signals import (
    Build,
    agree,
    codes_of,
    encoded,
    frames_for,
    joined,
    padded,
    sound,
)
from valle_testing.suites.codec.stream import STREAM_CHECKS, TOLERANCE
from valle_testing.watch import seeded


@contract("Codec", "frame_rate: frames per second, sample_rate / hop.")
def states_its_facts(build: Build, *, device: str = "cpu") -> None:
    """Facts are positive, fit each other, and are those of the codes and the sound it gives."""
    codec = build()
    for fact, least in (("sample_rate", 1), ("hop", 1), ("num_levels", 1), ("codebook_size", 2)):
        value = getattr(codec, fact)
        assert type(value) is int, f"{fact} is {value!r}, no int"
        assert value >= least, f"{fact} is {value}"
    assert type(codec.lookahead_frames) is int, f"lookahead_frames is {codec.lookahead_frames!r}, no int"
    assert codec.lookahead_frames >= 0, f"lookahead_frames is {codec.lookahead_frames}"
    rate = codec.sample_rate / codec.hop
    assert abs(codec.frame_rate - rate) < 1e-6, f"frame_rate is {codec.frame_rate}, sample_rate / hop is {rate}"


@contract("Codec", "identity: what datasets and checkpoints store and compare.")
def has_an_identity(build: Build, *, device: str = "cpu") -> None:
    """It repeats the facts, and two builds with the same options have the same."""
    codec = build()
    identity = codec.identity
    for fact in ("sample_rate", "hop", "num_levels", "codebook_size"):
        stated, is_so = getattr(identity, fact), getattr(codec, fact)
        assert stated == is_so, f"identity says {fact} = {stated}, the codec {is_so}"
    assert identity.name, "identity has no name"
    digits = identity.weights_hash
    assert len(digits) == 16 and set(digits) <= set("0123456789abcdef"), (
        f"weights_hash is {digits!r}, not 16 hex digits"
    )
    again = build().identity
    assert again == identity, f"a second build has another identity: {again}"


@contract("Codec.encode", "Codes and frames = ⌈lengths / hop⌉ of each row")
def gives_every_frame(build: Build, *, device: str = "cpu") -> None:
    """Lengths around whole frames: number of frames, shape, type and range of the codes, samples that come back."""
    codec = build()
    hop, Q, V = codec.hop, codec.num_levels, codec.codebook_size
    for samples in (1, hop - 1, hop, hop + 1, 3 * hop, 3 * hop + 1, 60 * hop - 1):
        wanted = -(-samples // hop)
        codes, frames = encoded(codec, [sound(codec, samples, device=device)])
        assert frames.tolist() == [wanted], f"{samples} samples give {frames.tolist()} frames, expected {wanted}"
        assert codes.shape == (1, wanted, Q), f"{samples} samples give codes {tuple(codes.shape)}, not {(1, wanted, Q)}"
        assert not codes.is_floating_point() and codes.dtype != torch.bool, f"codes are {codes.dtype}, not integers"
        if codes.numel():
            low, high = int(codes.min()), int(codes.max())
            assert low >= 0 and high < V, f"codes {low} … {high} lie outside 0 … {V - 1}"
        wav, lengths = codec.decode(codes, frames)
        assert lengths.tolist() == [wanted * hop], f"{wanted} frames decode to {lengths.tolist()} samples"
        assert wav.shape == (1, wanted * hop), f"{wanted} frames decode to {tuple(wav.shape)}, not {(1, wanted * hop)}"


@contract("Codec.encode", "Codes and frames = ⌈lengths / hop⌉ of each row")
def encodes_both_ends(build: Build, *, device: str = "cpu") -> None:
    """Sound in the first or in the last, partly filled frame alone changes the codes."""
    codec = build()
    hop = codec.hop
    samples = 8 * hop + hop // 2
    silence = torch.zeros(samples, device=device)
    quiet, _ = encoded(codec, [silence])
    for place, part in (("first", slice(0, hop)), ("last", slice(8 * hop, samples))):
        burst = silence.clone()
        burst[part] = sound(codec, samples, device=device)[part]
        codes, _ = encoded(codec, [burst])
        assert not torch.equal(codes, quiet), f"sound in the {place} frame changes no code"


@contract("Codec.decode", "frames · hop valid samples of each row, from the first L ≤ Q levels")
def speaks_both_ends(build: Build, *, device: str = "cpu") -> None:
    """Other codes in the first or in the last frame, at any level, change the sound."""
    codec = build()
    F = frames_for(codec)
    codes, frames = codes_of(codec, [F], device=device)
    whole, _ = codec.decode(codes, frames)
    for place in (0, F - 1):
        other = codes.clone()
        other[:, place] = (other[:, place] + codec.codebook_size // 2) % codec.codebook_size
        assert not agree(codec.decode(other, frames)[0], whole, 1e-7), (
            f"the codes of frame {place} of {F} change nothing"
        )
    for level in range(codec.num_levels):
        other = codes.clone()
        other[..., level] = (other[..., level] + codec.codebook_size // 2) % codec.codebook_size
        assert not agree(codec.decode(other, frames)[0], whole, 1e-7), f"the codes of level {level} change nothing"


@contract("Codec.encode", "padding never changes a row")
def encodes_rows_as_if_alone(build: Build, *, device: str = "cpu") -> None:
    """Rows of equal and of different lengths, noise behind their ends: the codes of each as when it is alone."""
    codec = build()
    hop = codec.hop
    for lengths in ([6 * hop] * 3, [9 * hop + 5, 4 * hop, 1, 6 * hop - 1], [2 * hop + 1, 11 * hop]):
        clips = [sound(codec, length, row, device=device) for row, length in enumerate(lengths)]
        for behind in (0.0, 0.7):
            codes, frames = encoded(codec, clips, behind=behind, spare=hop + 3)
            for b, clip in enumerate(clips):
                wanted, count = encoded(codec, [clip])
                assert int(frames[b]) == int(count[0]), f"row {b} of {lengths} samples has {int(frames[b])} frames"
                found = codes[b, : int(count[0])]
                differ = int((found != wanted[0]).any(-1).sum())
                what = f"row {b} of {lengths} samples, {behind} behind them"
                assert differ == 0, f"{what}: {differ} of {len(found)} frames differ from the row alone"


@contract("Codec.decode", "Waveform in [−1, 1] and frames · hop valid samples of each row")
def decodes_rows_as_if_alone(build: Build, *, device: str = "cpu") -> None:
    """Rows of different lengths, other codes behind their ends: the sound of each as when it is alone."""
    codec = build()
    F = frames_for(codec)
    counts = [5, F, F - 2, 1]
    codes, frames = codes_of(codec, counts, device=device)
    wav, lengths = codec.decode(codes, frames)
    wanted = [count * codec.hop for count in counts]
    assert lengths.tolist() == wanted, f"frames {counts} give {lengths.tolist()} samples, expected {wanted}"
    assert wav.is_floating_point() and bool(wav.isfinite().all()), f"the sound is {wav.dtype} or not finite"
    assert float(wav.abs().max()) <= 1, f"the sound reaches {float(wav.abs().max()):.3g}"
    for b, count in enumerate(counts):
        alone, _ = codec.decode(codes[b : b + 1, :count], frames[b : b + 1])
        agree(wav[b, : count * codec.hop], alone[0], TOLERANCE, f"row {b} of frames {counts}, beside the row alone")


@contract("Codec.decode", "from the first L ≤ Q levels")
def decodes_any_number_of_levels(build: Build, *, device: str = "cpu") -> None:
    """1 … Q levels; each number gives another sound of the same length."""
    codec = build()
    codes, frames = codes_of(codec, [frames_for(codec)], device=device)
    before = None
    for L in range(1, codec.num_levels + 1):
        wav, lengths = codec.decode(codes[..., :L], frames)
        assert lengths.tolist() == [codes.shape[1] * codec.hop], f"{L} levels give {lengths.tolist()} samples"
        assert bool(wav.isfinite().all()), f"{L} levels give a sound that is not finite"
        assert before is None or not agree(wav, before, 1e-7), f"{L} levels sound like {L - 1}"
        before = wav


@contract("Codec.decode", "Raises `UserError` for codes outside 0 … V − 1.")
def refuses_codes_out_of_range(build: Build, *, device: str = "cpu") -> None:
    """−1, V and more, at any level, in the first or last frame; whole or streamed."""
    codec = build()
    V = codec.codebook_size
    codes, frames = codes_of(codec, [6], device=device)
    for wrong in (-1, V, V + 7):
        for place, level in {(0, 0), (5, 0), (5, codec.num_levels - 1)}:
            bad = codes.clone()
            bad[0, place, level] = wrong
            where = f"code {wrong} in frame {place}, level {level}"
            assert refused(lambda bad=bad: codec.decode(bad, frames)), f"{where} is decoded"
            assert refused(lambda bad=bad: joined(codec, bad, [6])), f"{where} is decoded by a stream"


@contract("Codec", "codebooks: [Q, V, d] vectors whose sum over levels is the quantised frame, or None.")
def codebooks_sum_to_the_frame(build: Build, *, device: str = "cpu") -> None:
    """Frames that hardly differ have sums that hardly differ, also where their codes do.

    The control is the same codebooks with the vectors of one level in another order: the sums of the codec's own must
    lie closer together than those of any such control, level by level.
    """
    codec = build()
    books = codec.codebooks
    if books is None:
        raise SkipTest("it states no codebooks")
    Q, V = codec.num_levels, codec.codebook_size
    assert books.ndim == 3 and books.shape[:2] == (Q, V), f"codebooks are {tuple(books.shape)}, not [{Q}, {V}, d]"
    assert books.is_floating_point() and bool(books.isfinite().all()), "codebooks are no finite numbers"
    books = books.double()
    clean = torch.cat([sound(codec, 24 * codec.hop, row, device=device) for row in range(12)])
    noise = clean.abs().mean() * torch.randn(clean.shape, generator=torch.Generator().manual_seed(5)).to(device)
    one, *others = (encoded(codec, [clean + scale * noise])[0][0].long() for scale in (0.0, 0.01, 0.03, 0.1, 0.3))
    for level in range(Q):
        flips = [(one[:, level] != other[:, level], other) for other in others]
        enough = [(rows, other) for rows, other in flips if int(rows.sum()) >= 6]
        if not enough:
            continue  # its codes hardly ever change
        rows, other = enough[0]

        def apart(order: torch.Tensor, level: int = level, pair: tuple = (one[rows], other[rows])) -> float:
            moved = books.index_copy(0, torch.tensor([level], device=books.device), books[level][order][None])
            sums = [torch.stack([moved[q][codes[:, q]] for q in range(Q)]).sum(0) for codes in pair]
            return float((sums[0] - sums[1]).square().sum(-1).sqrt().mean())

        random = torch.Generator().manual_seed(level)
        own = apart(torch.arange(V, device=books.device))
        mixed = [apart(torch.randperm(V, generator=random).to(books.device)) for _ in range(24)]
        assert own < min(mixed), (
            f"sums of nearly equal frames lie {own:.3g} apart; with the vectors of level {level} in another order "
            f"{min(mixed):.3g} … {max(mixed):.3g}: its vectors are not those of its codes"
        )


@contract("Codec.encode", "Codes and frames = ⌈lengths / hop⌉ of each row")
def takes_any_sound(build: Build, *, device: str = "cpu") -> None:
    """Silence, full scale, beyond full scale, a constant, one sample, none at all, a row of none beside others."""
    codec = build()
    hop = codec.hop
    full = sound(codec, 4 * hop, device=device).sign()
    batches = {
        "silence": [torch.zeros(4 * hop, device=device)],
        "full scale": [full],
        "nine times full scale": [9 * full],
        "a constant": [torch.ones(4 * hop, device=device)],
        "one sample": [full[:1]],
        "no sample": [full[:0]],
        "a row of no sample beside others": [full, full[:0], full[: hop + 1]],
    }
    for what, clips in batches.items():
        codes, frames = encoded(codec, clips)
        wanted = [-(-len(clip) // hop) for clip in clips]
        assert frames.tolist() == wanted, f"{what}: frames {frames.tolist()}, expected {wanted}"
        if codes.numel():
            low, high = int(codes.min()), int(codes.max())
            assert low >= 0 and high < codec.codebook_size, f"{what}: codes {low} … {high}"
        wav, lengths = codec.decode(codes, frames)
        assert lengths.tolist() == [count * hop for count in wanted], f"{what}: {lengths.tolist()} samples come back"
        assert bool(wav.isfinite().all()), f"{what}: what comes back is not finite"
        assert not wav.numel() or float(wav.abs().max()) <= 1, f"{what}: what comes back leaves [−1, 1]"


@contract("Codec.encode", "padding never changes a row")
def keeps_rows_apart(build: Build, *, device: str = "cpu") -> None:
    """NaN in one row is refused, or changes no other row."""
    codec = build()
    clips = [sound(codec, 6 * codec.hop, row, device=device) for row in range(3)]
    clean, _ = encoded(codec, clips)
    poisoned = [clips[0], clips[1] * torch.nan, clips[2]]
    if refused(lambda: encoded(codec, poisoned)):
        return
    codes, _ = encoded(codec, poisoned)
    for b in (0, 2):
        assert torch.equal(codes[b], clean[b]), f"NaN of row 1 changes the codes of row {b}"


@contract(
    "Codec", "Equal waveforms give equal codes, equal codes equal waveforms: nothing is drawn, nothing remembered."
)
def repeats_itself(build: Build, *, device: str = "cpu") -> None:
    """Again, after other work, in a second build and under another seed: the same, and no random number is drawn."""
    codec = build()
    clip, other = (sound(codec, 9 * codec.hop, row, device=device) for row in range(2))
    codes, frames = codes_of(codec, [9], device=device)
    with seeded(1):
        first, sung = encoded(codec, [clip])[0], codec.decode(codes, frames)[0]
        encoded(codec, [other])
        codec.decode(codes.flip(1), frames)
        second = build()
    with seeded(2):
        state = torch.get_rng_state()
        for what, again in (("a second call", codec), ("a second build", second)):
            assert torch.equal(encoded(again, [clip])[0], first), f"{what} encodes the same sound otherwise"
            agree(again.decode(codes, frames)[0], sung, 1e-6, f"{what} decoding the same codes")
            assert torch.equal(state, torch.get_rng_state()), "encoding or decoding draws random numbers"


@contract("Codec", "The inputs are never written.")
def writes_nothing(build: Build, *, device: str = "cpu") -> None:
    """Waveforms (loud, with noise behind the ends), lengths, codes and frames are left as they were."""
    codec = build()
    wav, lengths = padded([3 * sound(codec, length * codec.hop, device=device) for length in (6, 3)], behind=0.7)
    codes, frames = codes_of(codec, [6, 3], device=device)
    tensors = {"wav": wav, "lengths": lengths, "codes": codes, "frames": frames}
    before = {name: tensor.clone() for name, tensor in tensors.items()}
    codec.encode(wav, lengths)
    codec.decode(codes, frames)
    stream = codec.stream(2)
    stream.push(codes)
    stream.flush()
    for name, tensor in tensors.items():
        assert torch.equal(before[name], tensor), f"{name} was written to"


@contract(
    "Codec", "Results are on the device of the codec, codes int64, waveforms float32; int32 and int64 codes are taken."
)
def keeps_device_and_types(build: Build, *, device: str = "cpu") -> None:
    """Device and type of what it gives; the same sound from codes in 32 bits."""
    codec = build()
    codes, frames = encoded(codec, [sound(codec, 5 * codec.hop, device=device)])
    wav, lengths = codec.decode(codes, frames)
    piece = codec.stream(1).push(codes)
    for what, tensor in {"codes": codes, "frames": frames, "wav": wav, "lengths": lengths, "a piece": piece}.items():
        assert tensor.device.type == torch.device(device).type, f"{what} is on {tensor.device}, not on {device}"
        assert not tensor.requires_grad, f"{what} requires a gradient"
    assert codes.dtype == torch.int64, f"codes are {codes.dtype}"
    assert wav.dtype == piece.dtype == torch.float32, f"the sound is {wav.dtype}, streamed {piece.dtype}"
    agree(codec.decode(codes.int(), frames.int())[0], wav, 1e-6, "the sound of the same codes as int32")


@contract("PluginSpec", "words of the kind's contract it declares")
def is_what_its_spec_says(build: Build, spec: PluginSpec, *, device: str = "cpu") -> None:
    """Name of the identity; codebooks are declared exactly where there are some, streaming where sound comes early."""
    codec = build()
    assert codec.identity.name == spec.name, f"identity is of '{codec.identity.name}', the spec of '{spec.name}'"
    has = codec.codebooks is not None
    declared = "codebooks" in spec.capabilities
    assert has == declared, f"codebooks are {'' if has else 'not '}there and {'' if declared else 'not '}declared"
    if "streaming" in spec.capabilities:
        codes, _ = codes_of(codec, [frames_for(codec)], device=device)
        given = codec.stream(1).push(codes).shape[1]
        assert given, f"streaming is declared and {codes.shape[1]} frames give no sound before the end"


CHECKS: tuple[Callable[..., None], ...] = (
    repeats_itself,
    states_its_facts,
    has_an_identity,
    gives_every_frame,
    encodes_both_ends,
    speaks_both_ends,
    encodes_rows_as_if_alone,
    decodes_rows_as_if_alone,
    decodes_any_number_of_levels,
    refuses_codes_out_of_range,
    *STREAM_CHECKS,
    *ROUND_TRIP_CHECKS,
    codebooks_sum_to_the_frame,
    takes_any_sound,
    keeps_rows_apart,
    writes_nothing,
    keeps_device_and_types,
)
"""Each takes `(build, *, device="cpu")` and raises `AssertionError`."""

SPEC_CHECKS: tuple[Callable[..., None], ...] = (is_what_its_spec_says, *OPTION_CHECKS)
"""Each takes `(build, spec, *, device="cpu")`."""
