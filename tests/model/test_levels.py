"""Every level distribution is really used."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from valle_core.model.levels import draw_level, level_weights
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError


def weights(name: str, **others):
    return level_weights(ModelOptions(level_distribution=name, **others), 4)


def test_each_distribution_has_its_own_shape():
    assert weights("uniform") == (0.25,) * 4
    assert weights("linear") == pytest.approx((0.4, 0.3, 0.2, 0.1))
    normal = weights("normal")
    assert normal[0] > normal[1] > normal[2] > normal[3] > 0
    assert normal[1] / normal[0] == pytest.approx(2.718281828 ** (-1 / 8))
    assert weights("list", level_weights=(1, 0, 0, 3)) == pytest.approx((0.25, 0, 0, 0.75))


def test_by_default_half_of_the_rows_are_level_0_and_the_rest_fall():
    assert level_weights(ModelOptions(), 4) == pytest.approx((1 / 2, 3 / 12, 2 / 12, 1 / 12))
    for levels in (2, 8, 9, 32):
        found = level_weights(ModelOptions(), levels)
        assert found[0] == pytest.approx(0.5)
        assert list(found) == sorted(found, reverse=True)
        assert found[-1] > 0
    assert level_weights(ModelOptions(), 1) == (1.0,)
    assert weights("half", parts="ar") == (1, 0, 0, 0)
    assert weights("half", parts="nar") == pytest.approx((0, 3 / 6, 2 / 6, 1 / 6))


def test_draws_follow_the_weights():
    rng = Random(0)
    counts = Counter(draw_level((0.1, 0.0, 0.6, 0.3), rng) for _ in range(5000))
    assert counts[1] == 0
    assert counts[2] == pytest.approx(3000, abs=150)


def test_half_a_model_draws_only_its_levels():
    assert weights("linear", parts="ar") == (1, 0, 0, 0)
    assert weights("uniform", parts="nar") == pytest.approx((0, 1 / 3, 1 / 3, 1 / 3))


@pytest.mark.parametrize("given", [(1, 2), (1, 1, 1, -1), ()])
def test_a_list_that_does_not_fit_is_refused(given):
    with pytest.raises(UserError, match="4 weights"):
        weights("list", level_weights=given)


def test_nothing_left_to_train_is_refused():
    with pytest.raises(UserError, match="no level left"):
        weights("list", level_weights=(1, 0, 0, 0), parts="nar")


def test_weights_that_would_be_ignored_are_refused():
    with pytest.raises(UserError, match="no effect with level_distribution uniform"):
        weights("uniform", level_weights=(1, 0, 0, 0))
