"""The held-out part is fixed by ids and options."""

from __future__ import annotations

from valle_data.preparation.split import SplitOptions, held_out_ids

UTTERANCES = [(f"train/{speaker}/{number:03d}", f"train/{speaker}") for speaker in "abc" for number in range(40)]


def test_every_speaker_with_enough_utterances_gives_its_share_and_at_least_one():
    for fraction, each in ((0.02, 1), (0.1, 4)):
        chosen = held_out_ids(UTTERANCES, SplitOptions(fraction=fraction))
        assert {speaker: sum(id.startswith(f"train/{speaker}") for id in chosen) for speaker in "abc"} == dict.fromkeys(
            "abc", each
        )


def test_two_utterances_always_stay_for_training():
    few = [(f"s/{number}", "s") for number in range(4)]
    assert held_out_ids(few[:2], SplitOptions(fraction=0.9)) == ()
    assert len(held_out_ids(few[:3], SplitOptions(fraction=0.9))) == 1
    assert len(held_out_ids(few, SplitOptions(fraction=0.9))) == 2


def test_the_choice_does_not_depend_on_the_order_and_zero_holds_out_none():
    assert held_out_ids(UTTERANCES[::-1], SplitOptions()) == held_out_ids(UTTERANCES, SplitOptions())
    assert held_out_ids(UTTERANCES, SplitOptions(fraction=0.0)) == ()


def test_a_group_is_held_out_as_a_whole():
    utterances = [*UTTERANCES, ("held-out/z/1", "held-out/z"), ("held-out/z/2", "held-out/z"), ("held-out", "x")]
    assert held_out_ids(utterances, SplitOptions(fraction=0.0)) == ("held-out/z/1", "held-out/z/2")
