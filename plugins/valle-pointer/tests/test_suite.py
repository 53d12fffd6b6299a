"""The pointer keeps the contract of alignments, and faults planted in it are found."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from valle_pointer.options import PointerOptions
from valle_pointer.plugin import POINTER
from valle_pointer.pointer import Pointer, build

from valle_testing import suite
from valle_testing.suites.alignment.texts import SIZES

test_it_conforms = suite.conformance("alignment", lambda: build(PointerOptions(), **SIZES), spec=POINTER)


class Forgetful(Pointer):
    """Draws in eval mode."""

    def sounds(self, text, units):
        sounds = super().sounds(text, units)
        return sounds._replace(units=sounds.units + 0.1 * torch.randn(1))


class Late(Pointer):
    """Guides the frames of level 0 at their own positions."""

    def guide(self, text, length):
        return super().guide(text, length)._replace(x=super().guide(text, length).x.roll(1, 1))


class Mixing(Pointer):
    """A row sees the others."""

    def sounds(self, text, units):
        sounds = super().sounds(text, units)
        return sounds._replace(units=sounds.units + sounds.units.mean())


class Endless(Pointer):
    """Never comes to an end."""

    def walk(self, text, **how):
        walk = super().walk(text, **how)
        walk._last = walk._last + 10_000
        return walk


class Skipping(Pointer):
    """Leaves out every other symbol."""

    def walk(self, text, **how):
        walk = super().walk(text, **how)
        answer = walk.answer

        def twice(h, logits, rows, chance):
            before = walk.state.at[rows].clone()
            found = answer(h, logits, rows, chance)
            walk.state.at[rows] += (walk.state.at[rows] > before).long()
            return found

        walk.answer = twice
        return walk


class Adrift(Pointer):
    """Frame by frame it says something else than as a whole."""

    def walk(self, text, **how):
        walk = super().walk(text, **how)
        walk._sounds = walk._sounds._replace(dwell=walk._sounds.dwell.flip(0))
        return walk


class Deaf(Pointer):
    """The loss reaches nothing."""

    def losses(self, h, targets):
        return {name: loss.detach() for name, loss in super().losses(h, targets).items()}


class Hasty(Pointer):
    """Slower where it should be faster."""

    def walk(self, text, *, speed=1.0, steady=False):
        return super().walk(text, speed=1 / speed**3, steady=steady)


class Unhurried(Pointer):
    """As fast as ever, whatever is asked for."""

    def walk(self, text, *, speed=1.0, steady=False):
        return super().walk(text, steady=steady)


class Shifted(Pointer):
    """Takes a masked level 0 for one that is said token by token."""

    def guide(self, text, length):
        return super().guide(replace(text, levels=text.levels.clamp(min=0)), length)


class Sprawling(Pointer):
    """Texts last longer beside longer ones."""

    def durations(self, text, *, speed=1.0):
        times, frames = super().durations(text, speed=speed)
        return times, [max(frames)] * len(frames)


class Dragging(Pointer):
    """Lasts twice as long at twice the speed."""

    def durations(self, text, *, speed=1.0):
        return super().durations(text, speed=1 / speed)


class Unparted(Pointer):
    """All beginnings of a row share a place."""

    def along(self, walk, search):
        class One:
            def search(self, logits, follow, bounds, stop):
                return search.search(logits, follow, bounds, stop)

        return One()


class Behind(Pointer):
    """The times are of the beginnings that came last."""

    def along(self, walk, search):
        made = super().along(walk, search)

        class Last:
            def search(self, logits, follow, bounds, stop):
                found = made.search(logits, lambda rows, tokens: follow(rows, tokens), bounds, stop)
                walk.state = walk.state.select(torch.tensor([1, 2, 0]))
                return found

        return Last()


@pytest.mark.parametrize(
    ("faulty", "check"),
    [
        (Forgetful, "repeats_itself"),
        (Late, "guides_the_positions_that_answer"),
        (Late, "guides_the_first_frame_without_times"),
        (Mixing, "rows_are_independent"),
        (Endless, "says_all_in_order_and_ends"),
        (Skipping, "says_all_in_order_and_ends"),
        (Adrift, "guide_and_walk_agree"),
        (Deaf, "learns_where_to_go_on"),
        (Hasty, "speed_and_steadiness"),
        (Unhurried, "speed_and_steadiness"),
        (Shifted, "guides_masked_frames_in_place"),
        (Sprawling, "knows_how_long_texts_last"),
        (Dragging, "knows_how_long_texts_last"),
        (Unparted, "follows_every_beginning"),
        (Behind, "follows_every_beginning"),
    ],
)
def test_a_planted_fault_is_found(faulty, check):
    report = suite.run("alignment", lambda: faulty(PointerOptions(), **SIZES), only=(check,))
    (outcome,) = [outcome for outcome in report.outcomes if outcome.check == check]
    assert outcome.verdict == "failed", report.table()
