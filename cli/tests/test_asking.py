"""Arguments of `Speaker` that cannot be used are refused by their names in Python, before a model is asked."""

from __future__ import annotations

from typing import Any

import pytest

from valle import Speaker, UserError

SPEAKER: Any = Speaker(None, None)  # type: ignore[arg-type]
ASK = {
    "speak": lambda **more: SPEAKER.speak(**{"text": "rain", **more}),
    "stream": lambda **more: SPEAKER.stream(**{"text": "rain", **more}),
    "transform": lambda **more: SPEAKER.transform(**{"input": "a.wav", **more}),
    "write": lambda **more: SPEAKER.write(**more),
}


@pytest.mark.parametrize("method", ASK)
@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"max_seconds": 0}, r"max_seconds must be in \(0, 3600\] s, got 0"),
        ({"max_seconds": float("nan")}, r"max_seconds must be in \(0, 3600\] s, got nan"),
        ({"max_seconds": "x"}, "max_seconds must be a number, got 'x'"),
        ({"text": 5}, "text must be a text"),
        ({"voice": 5}, "voice must be a text, got 5"),
        ({"language": 5}, "language must be a text, got 5"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(method, argument, message):
    with pytest.raises(UserError, match=message):
        ASK[method](**argument)


@pytest.mark.parametrize(
    ("method", "argument", "message"),
    [
        ("speak", {"seconds": "x"}, "seconds must be a number, got 'x'"),
        ("stream", {"windowing": 5}, "windowing must be a valle_kit.streaming.Windowing, got 5"),
        ("transform", {"seed": "x"}, "seed must be a whole number, got 'x'"),
        ("write", {"seed": "x"}, "seed must be a whole number, got 'x'"),
        ("transform", {"input": None}, "input must be a recording or its codes, got None"),
        ("transform", {"span": 5}, r"span must be two numbers, the seconds \(start, end\), got 5"),
        ("transform", {"span": (1, 2, 3)}, r"span must be two numbers, the seconds \(start, end\), got \(1, 2, 3\)"),
        ("transform", {"span": ("a", "b")}, r"span must be two numbers, the seconds \(start, end\), got 'a'"),
    ],
)
def test_so_is_one_that_not_every_method_has(method, argument, message):
    with pytest.raises(UserError, match=message):
        ASK[method](**argument)
