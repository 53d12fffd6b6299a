"""Symbols become units, times become frames, and the pointer's options and counts hold what they say."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from valle_pointer.bounds import bounds_of
from valle_pointer.options import PointerOptions
from valle_pointer.pace import BLOCK, paced
from valle_pointer.pointer import Pointer
from valle_pointer.units import BACK, FORWARD, OWN, kinds_of, units_of

from valle_core.plugin import UserError
from valle_core.sequence.alignment import SpokenText

SYMBOLS = ("<pad>", "<unk>", " ", "ˈ", "ː", "a", "b", ".")


def units(*texts: str):
    rows = [torch.tensor([SYMBOLS.index(symbol) for symbol in text], dtype=torch.long) for text in texts]
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    return padded, units_of(kinds_of(SYMBOLS)[padded], torch.tensor([len(text) for text in texts]))


def bounds(text: str, times: list[float], frames: int, jitter: float = 0.0) -> list[int]:
    _, found = units(text)
    row = bounds_of(found, torch.tensor([times]), torch.tensor([frames]), jitter=jitter)[0]
    return row[: int(found.counts[0]) + 3].tolist()


def test_stress_goes_forward_spaces_and_length_go_back():
    assert kinds_of((" ", "ˈ", "ˌ", "ː", "̃", "ʰ", "a", "ʤ", ".", "ᵊ", "iː")).tolist() == [
        BACK, FORWARD, FORWARD, BACK, BACK, BACK, OWN, OWN, OWN, OWN, OWN,
    ]  # fmt: skip
    _, found = units("ˈaː bˈab.", "ab")
    assert found.of[0].tolist() == [1, 1, 1, 1, 2, 3, 3, 4, 5]
    assert found.of[1].tolist() == [1, 2] + [3] * 7
    assert found.counts.tolist() == [5, 2]
    assert found.carrier[0].long().tolist() == [0, 1, 0, 0, 1, 0, 1, 1, 1]
    assert found.carrier[1].long().tolist() == [1, 1] + [0] * 7


@pytest.mark.parametrize("text", [" a", "aˈ", "ˈ", "ˈˈa", "ː", "ˈ a"])
def test_marks_without_a_phoneme_are_units_with_one_name(text):
    _, found = units(text)
    N = int(found.counts[0])
    assert N >= 1
    for unit in range(1, N + 1):
        inside = found.of[0] == unit
        assert inside.any()
        assert found.first[0][inside].sum() == 1
        assert found.carrier[0][inside].sum() == 1


def test_boundaries_are_rounded_one_by_one_and_silences_are_what_is_left():
    # The silence before, a, b, the silence behind.
    assert bounds("ab", [1.4, 3.6, 5.5], 8) == [0, 1, 4, 6, 8]
    assert bounds("ab", [0.0, 3.0, 8.0], 8) == [0, 0, 3, 8, 8]
    tenth = [0.4 * k for k in range(11)]
    assert bounds("ababababab", tenth, 12)[1:] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12]


def test_each_phoneme_has_a_frame_where_there_are_enough():
    assert bounds("abab", [0.1, 0.2, 0.3, 0.4, 9.0], 9) == [0, 0, 1, 2, 3, 9, 9]
    assert bounds("abab", [5.6, 5.7, 5.8, 5.9, 6.0], 6) == [0, 2, 3, 4, 5, 6, 6]
    assert bounds("abab", [0.0, 1.0, 1.0, 1.0, 3.0], 3)[-1] == 3  # four phonemes in three frames


def test_what_begins_at_the_end_of_the_response_has_none():
    """As where a row ran into its bound: what was said keeps its frames."""
    assert bounds("abab", [1.0, 4.0, 6.0, 6.0, 6.0], 6) == [0, 1, 4, 6, 6, 6, 6]


@pytest.mark.parametrize("seed", range(20))
def test_jitter_keeps_order_sum_and_a_frame_each(seed):
    torch.manual_seed(seed)
    frames = int(torch.randint(8, 30, ()))
    times = (torch.rand(9).sort().values * frames).tolist()
    found = bounds("ˈab aˈbab.", [*times[:1], *times, times[-1]][:11], frames, jitter=0.9)
    lasts = [later - earlier for earlier, later in pairwise(found)]
    assert sum(lasts) == frames
    assert min(lasts[1:-1]) >= 1
    assert min(lasts) >= 0


def text_of(times: bool = True) -> SpokenText:
    symbols, _ = units("ˈaː b.", "ab")
    return SpokenText(
        symbols=symbols,
        lengths=torch.tensor([6, 2]),
        languages=torch.tensor([0, 1]),
        levels=torch.tensor([0, 1]),
        start=torch.tensor([3, 2]),
        frames=torch.tensor([9, 6]),
        times=torch.tensor([[1.0, 1.5, 3.0, 4.0, 5.0, 7.0, 8.0], [0.0, 3.0, 6.0, 6.0, 6.0, 6.0, 6.0]])
        if times
        else None,
    )


def made(**options) -> Pointer:
    torch.manual_seed(0)
    return Pointer(PointerOptions(**options), d_model=16, symbols=SYMBOLS, languages=2)


def test_level_0_is_guided_one_position_before_its_frames_other_levels_at_them():
    pointer = made().eval()
    guided = pointer.guide(text_of(), 12)
    there = guided.x.abs().sum(-1) > 0
    assert there[0].nonzero()[:, 0].tolist() == list(range(2, 11))
    assert there[1].nonzero()[:, 0].tolist() == list(range(2, 8))
    assert guided.targets is not None
    # a lasts from 1 to 5 with its stress, length and space, b to 7, the mark to 8.
    assert guided.targets.long().tolist() == [1, 0, 0, 0, 1, 0, 1, 1, 1]
    first = pointer.guide(text_of(times=False), 12)
    assert first.targets is None


def test_padding_and_other_rows_change_nothing():
    pointer = made().eval()
    text = text_of()
    both = pointer.guide(text, 12).x
    one = SpokenText(
        symbols=text.symbols[1:, :2],
        lengths=text.lengths[1:],
        languages=text.languages[1:],
        levels=text.levels[1:],
        start=text.start[1:],
        frames=text.frames[1:],
        times=text.times[1:, :3] if text.times is not None else None,
    )
    torch.testing.assert_close(pointer.guide(one, 9).x[0], both[1, :9])


def test_durations_are_counted_in_training_only_and_bound_the_walk():
    pointer = made(jitter=0.0)
    pointer.eval().guide(text_of(), 12)
    assert int(pointer.dwells.texts) == 0
    pointer.train().guide(text_of(), 12)
    a, b, mark = (SYMBOLS.index(symbol) for symbol in "ab.")
    assert int(pointer.dwells.texts) == 2
    assert pointer.dwells.frames[[a, b, mark]].tolist() == [4 + 3, 2 + 3, 1]
    assert pointer.dwells.counts[[a, b, mark]].tolist() == [2, 2, 1]
    assert pointer.dwells.counts[-2:].tolist() == [1, 1]
    symbols, found = units("ˈab")
    assert pointer.dwells.limits(symbols, found, longest=30, forced=3.0)[0, 1:3].tolist() == [11, 8]
    assert pointer.dwells.limits(symbols, found, longest=6, forced=3.0)[0, 1:3].tolist() == [6, 6]


def test_a_unit_is_left_at_its_limit_and_no_earlier_than_after_one_frame():
    pointer = made(longest=5).eval()
    with torch.no_grad():
        pointer.advance.weight.zero_()
    for bias, lasts in ((-50.0, 5), (50.0, 1)):
        pointer.advance.bias.data.fill_(bias)
        walk = pointer.walk(text_of(times=False))
        rows, frames = torch.arange(2), 0
        while not bool(
            (walk.answer(torch.zeros(2, 16), torch.zeros(2, 9), rows, torch.full((2,), 0.5))[:, -1] == 0).all()
        ):
            frames += 1
            assert torch.isfinite(walk.guide(rows)).all()
        assert frames == 3 * lasts
        assert walk.times([3 * lasts, 2 * lasts])[1].tolist() == [0.0, lasts, 2 * lasts]


def test_advance_weight_is_taken_back_in_decoding():
    pointer = made(advance_weight=4.0)
    logit = torch.full((100, 1), 0.25)  # learnt with the weight: p / (1 − p) = 4 × the true odds
    with torch.no_grad():
        pointer.advance.weight.zero_()
        pointer.advance.bias.fill_(float(torch.tensor(4 * 0.25 / 0.75).log()))
    walk = pointer.eval().walk(text_of(times=False))
    walk.answer(torch.zeros(2, 16), torch.zeros(2, 9), torch.arange(2), torch.tensor([0.24, 0.26]))
    assert walk.state.at.tolist() == [2, 1]
    losses = pointer.losses(torch.zeros(100, 16), torch.arange(100) < 25)
    losses["advance"].backward()
    assert float(pointer.advance.bias.grad) == pytest.approx(0.0, abs=1e-5), logit.shape


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": 4}, "kernel must be an odd number of at least 1, got 4"),
        ({"layers": 4, "kernel": 7}, r"layers must be in \[0, 3\] with kernel 7, got 4"),
        ({"longest": 0}, "longest must be at least 1, got 0"),
        ({"weight": -1.0}, "weight must be at least 0, got -1"),
        ({"weight": float("nan")}, "weight must be at least 0, got nan"),
        ({"advance_weight": 0.0}, r"advance_weight must be in \[0.01, 100\], got 0"),
        ({"jitter": 1.0}, r"jitter must be in \[0, 1\), got 1"),
        ({"forced": 0.5}, "forced must be at least 1, got 0.5"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        PointerOptions(**options)


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.8, 1.1, 1.25, 1.5, 2.0])
def test_speech_is_as_much_shorter_as_the_speed_says(speed):
    generator = torch.Generator().manual_seed(1)
    edges = [0, *torch.randint(2, 9, (40,), generator=generator).cumsum(0).tolist()]
    kept, moved = paced(edges, speed)
    assert len(kept) == moved[-1] == pytest.approx(edges[-1] / speed, abs=1)
    assert kept == sorted(kept)
    for (start, end), (first, after) in zip(pairwise(edges), pairwise(moved), strict=True):
        inside = kept[first:after]
        assert inside
        assert start <= inside[0] <= inside[-1] < end
        assert abs(sum(inside) / len(inside) - (start + end - 1) / 2) <= 1


def test_a_unit_keeps_a_frame_and_what_that_costs_is_taken_from_the_next():
    assert paced([0, 1, 2, 3, 12], 2.0) == ([0, 1, 2, 4, 7, 10], [0, 1, 2, 3, 6])
    assert paced([0, 1, 2, 3], 4.0) == ([0, 1, 2], [0, 1, 2, 3])
    assert paced([0, 2, 5], 1.0) == ([0, 1, 2, 3, 4], [0, 2, 5])
    assert paced([0, 0], 2.0) == ([], [0, 0])


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
def test_times_are_those_of_the_frames_that_stay(speed):
    pointer = Pointer(PointerOptions(), d_model=8, symbols=SYMBOLS, languages=1).eval()
    padded, _ = units("ˈaba", "ab")
    zeros = torch.zeros(2, dtype=torch.long)
    text = SpokenText(
        symbols=padded, lengths=torch.tensor([4, 2]), languages=zeros, start=zeros, levels=zeros, frames=zeros
    )
    walk = pointer.walk(text, speed=speed)
    rows, logits = torch.arange(2), torch.zeros(2, 3)
    for frame in range(12):
        pointer.advance.weight.data.zero_()
        pointer.advance.bias.data.fill_(50.0 if frame % 4 == 3 else -50.0)
        walk.answer(torch.zeros(2, 8), logits, rows, torch.full((2,), 0.5))
    factor = 4 / speed
    one, other = walk.times([12, 8])
    assert one.tolist() == [0, 0, factor, 2 * factor, 3 * factor]
    assert other.tolist() == [0, factor, 2 * factor]
    assert [len(row) for row in walk.kept([12, 8])] == [3 * factor, 2 * factor]
    assert [torch.zeros(0)[row].tolist() for row in walk.kept([0, 0])] == [[], []]


def counted(text: str, **lasting: float):
    """A pointer that has met these phonemes, each twice, and the text for it."""
    pointer = Pointer(PointerOptions(), d_model=8, symbols=SYMBOLS, languages=1).eval()
    pointer.dwells.texts.fill_(4)
    for name, frames in lasting.items():
        place = {"before": len(SYMBOLS), "behind": len(SYMBOLS) + 1}.get(name) or SYMBOLS.index(name)
        pointer.dwells.counts[place], pointer.dwells.frames[place] = 2, round(2 * frames)
    symbols, _ = units(text)
    zero = torch.zeros(1, dtype=torch.long)
    return pointer, SpokenText(
        symbols=symbols, lengths=torch.tensor([len(text)]), languages=zero, levels=zero, start=zero + 3, frames=zero
    )


def test_a_text_usually_lasts_as_long_as_its_phonemes_did_on_average():
    pointer, text = counted("ˈab a", a=2.5, b=4.0)
    (times,), (frames,) = pointer.durations(text)
    assert times.tolist() == [0.0, 0.0, 2.5, 6.5, 6.5, 9.0]  # the stress begins with its phoneme, the space behind b
    assert frames == 9
    (times,), (frames,) = pointer.durations(text, speed=2.0)
    assert times.tolist() == [0.0, 0.0, 1.25, 3.25, 3.25, 4.5]
    assert frames == 4


def test_silences_that_texts_usually_have_are_before_and_behind():
    pointer, text = counted("ab", a=2.0, b=4.0, before=3.0, behind=5.0)
    (times,), (frames,) = pointer.durations(text)
    assert times.tolist() == [3.0, 5.0, 9.0]
    assert frames == 14
    pointer.dwells.texts.fill_(100)  # two of a hundred had them
    (times,), (frames,) = pointer.durations(text)
    assert (times.tolist(), frames) == ([0.0, 2.0, 6.0], 6)


def test_a_phoneme_never_met_lasts_as_long_as_the_mean_of_all():
    pointer, text = counted("ab", a=3.0)
    (times,), (frames,) = pointer.durations(text)
    assert (times.tolist(), frames) == ([0.0, 3.0, 6.0], 6)
    pointer, text = counted("ab")
    assert pointer.durations(text)[1] == [2]  # nothing was ever met: a frame each


def test_durations_of_a_text_are_the_same_in_any_batch():
    pointer, short = counted("b", a=2.0, b=4.0)
    symbols, _ = units("aabˈab", "b")
    zero = torch.zeros(2, dtype=torch.long)
    both = SpokenText(
        symbols=symbols, lengths=torch.tensor([6, 1]), languages=zero, levels=zero, start=zero + 3, frames=zero
    )
    (_, times), (_, frames) = pointer.durations(both)
    assert times.tolist() == pointer.durations(short)[0][0].tolist()
    assert frames == pointer.durations(short)[1][0]


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.25, 2.0])
def test_what_is_settled_stays_whatever_follows_and_comes_soon(speed):
    pointer = Pointer(PointerOptions(), d_model=8, symbols=SYMBOLS, languages=1).eval()
    padded, _ = units("ab" * 20)
    zeros = torch.zeros(1, dtype=torch.long)
    text = SpokenText(
        symbols=padded, lengths=torch.tensor([40]), languages=zeros, start=zeros, levels=zeros, frames=zeros
    )
    walk = pointer.walk(text, speed=speed)
    seen = []
    for count in range(1, 121):
        pointer.advance.weight.data.zero_()
        pointer.advance.bias.data.fill_(50.0 if count % 7 in (1, 4) else -50.0)
        walk.answer(torch.zeros(1, 8), torch.zeros(1, 3), zeros, torch.full((1,), 0.5))
        settled = walk.settled([count])[0]
        assert settled >= (count - BLOCK - 8) / speed - 1
        seen.append((settled, walk.kept([count])[0][:settled].tolist(), walk.times([count])[0].clamp(max=settled)))
    kept, times = walk.kept([120])[0].tolist(), walk.times([120])[0]
    assert any(settled for settled, *_ in seen)
    for settled, stay, when in seen:
        assert stay == kept[:settled]
        assert torch.equal(when, times.clamp(max=settled))
