"""The preset `box`: English sentences that are said in everyday life, and those that models stumble over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random

from valle_eval.presets import box_words as words
from valle_eval.sentences import Sentence

FULL: Mapping[str, int] = {
    "everyday": 250,
    "questions": 200,
    "numbers": 200,
    "one-word": 100,
    "long": 50,
    "twisters": 100,
    "repeated": 100,
}
"""Sentences of each group; the fast form takes every fifth."""

FAST = 5
LONG = (57, 63)
"""Words of a long sentence."""


def box(*, full: bool = False) -> list[Sentence]:
    """1,000 sentences, or 200 of them; the same each time, without a voice."""
    found = []
    for group, count in FULL.items():
        texts = list(dict.fromkeys(_drawn(group, count)))
        found += [
            Sentence(id=f"{group}-{number:03d}", text=text, language="en", group=group)
            for number, text in enumerate(texts)
            if full or number % FAST == 0
        ]
    return found


def _drawn(group: str, count: int) -> Iterator[str]:
    """`count` different texts, by a random seed of the group's own."""
    rng, made = Random(f"box {group} 1"), set[str]()
    if group == "one-word":
        yield from (word.capitalize() + "." for word in words.SINGLE[:count])
        return
    while len(made) < count:
        text = COMPOSE[group](rng)
        if text not in made:
            made.add(text)
            yield text


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _clauses(rng: Random, count: int) -> list[str]:
    """Nobody and nothing in them stands twice."""
    pairs = zip(rng.sample(words.PEOPLE, count), rng.sample(words.DID, count), strict=True)
    return [f"{who} {did}" for who, did in pairs]


def _everyday(rng: Random) -> str:
    form = rng.randrange(4)
    (clause, other), when = _clauses(rng, 2), rng.choice(words.WHEN)
    if form == 0:
        return _capital(f"{clause} {when}.")
    if form == 1:
        return _capital(f"{when}, {clause}.")
    if form == 2:
        return f"{rng.choice(words.STARTS)} {clause} {when}."
    return _capital(f"{clause}, {rng.choice(words.JOINTS)} {other}.")


def _question(rng: Random) -> str:
    return rng.choice(words.ASKS).format(who=rng.choice(words.PEOPLE), thing=rng.choice(words.THINGS))


def _number(rng: Random) -> str:
    name, day = rng.choice(words.NAMES), rng.randint(1, 28)
    return rng.choice(words.COUNTS).format(
        name=name,
        last=name.split()[-1],
        place=rng.choice(words.PLACES),
        year=rng.randint(1805, 2025),
        hour=rng.randint(1, 12),
        minute=rng.randint(11, 59),
        small=rng.randint(2, 12),
        money=f"{rng.randint(2, 90)}.{rng.randint(10, 99)}",
        big=f"{rng.randint(1, 90)},{rng.randint(100, 999)}",
        ext=rng.randint(101, 989),
        temp=rng.randint(2, 38),
        month=rng.choice(words.MONTHS),
        day=day,
        digit=rng.randint(1, 9),
        percent=rng.randint(3, 97),
        nth=rng.choice(("second", "third", "fifth", "ninth", "twelfth")),
    )


def _long(rng: Random) -> str:
    low, high = LONG
    while True:
        first, *more = _clauses(rng, 12)
        text = _capital(first)
        while len(text.split()) < low:
            text += f", {rng.choice(words.JOINTS)} {more.pop()}"
            text += f" {rng.choice(words.WHEN)}" if rng.random() < 0.4 else ""
        if len(text.split()) <= high:
            return text + "."


def _twister(rng: Random) -> str:
    parts = words.SOUNDS[rng.choice(sorted(words.SOUNDS))]
    one = {name: rng.choice(choices) for name, choices in parts.items()}
    text = f"{one['adj']} {one['noun']} {one['verb']} {one['obj']} {one['end']}"
    if rng.random() < 0.4:
        two = {name: rng.choice(choices) for name, choices in parts.items()}
        text += f", and {two['noun']} {two['verb']} {two['obj']}"
    return _capital(f"{text}.")


def _repeated(rng: Random) -> str:
    drawn = {name: rng.choice(choices) for name, choices in words.AGAIN_WORDS.items()}
    drawn |= {name.upper(): drawn[name].lower() for name in ("a", "b")}
    one, two = (frame.format(**drawn) for frame in rng.sample(words.AGAIN, 2))
    return one if rng.random() < 0.5 else f"{one} {two}"


COMPOSE: Mapping[str, Callable[[Random], str]] = {
    "everyday": _everyday,
    "questions": _question,
    "numbers": _number,
    "long": _long,
    "twisters": _twister,
    "repeated": _repeated,
}
