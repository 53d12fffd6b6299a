"""Speakers made from espeak-ng's variants, pitch, pitch range and rate, split into training and held-out ones."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from valle_corpus.engines.espeak_library import Voice
from valle_corpus.sentences.held_out import is_held_out

ACCENTS = {
    "en": ("en-us", "en", "en-gb-scotland", "en-gb-x-rp", "en-029"),
    "fr": ("fr", "fr-be", "fr-ch"),
    "de": ("de",),
    "es": ("es", "es-419"),
}
"""espeak-ng voice tags per language of the built-in sentences."""

VARIANTS = (
    *("Alex", "Alicia", "Andrea", "Andy", "Annie", "AnxiousAndy", "Denis", "Diogo", "Gene", "Gene2", "Henrique"),
    *("Hugo", "Jacky", "Lee", "Marco", "Mario", "Michael", "Mike", "Mr serious", "Nguyen", "Reed", "RicishayMax"),
    *("RicishayMax2", "RicishayMax3", "Storm", "Tweaky", "adam", "anika", "announcer", "antonio", "aunty", "belinda"),
    *("benjamin", "boris", "caleb", "david", "ed", "edward", "edward2", "f1", "f2", "f3", "f4", "f5", "fast"),
    *("grandma", "grandpa", "gustave", "ian", "iven", "iven2", "iven3", "iven4", "john", "kaukovalta", "klatt"),
    *("klatt2", "klatt3", "klatt4", "klatt5", "klatt6", "linda", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8"),
    *("marcelo", "max", "michel", "miguel", "mike2", "norbert", "pablo", "paul", "pedro", "quincy", "rob", "robert"),
    *("sandro", "shelby", "steph", "steph2", "steph3", "travis", "victor", "zac"),
)
"""Voice variants fit for training: espeak-ng's without the whispers, croak, demonic and the robots."""


def variants(*, held_out: bool) -> tuple[str, ...]:
    """The variants of one side of the split; the two sides share none."""
    return tuple(name for name in VARIANTS if is_held_out(name) == held_out)


def draw_speakers(
    count: int, *, languages: Sequence[str], seed: int, held_out: bool
) -> tuple[tuple[str, str, Voice], ...]:
    """`count` speakers as (name, language, voice), evenly over the languages.

    Variants are used once before any is used again with another pitch and rate.
    """
    side = "held-out" if held_out else "train"
    rng = Random(f"speakers {seed} {side}")
    names: list[str] = []
    speakers = []
    for index in range(count):
        if not names:
            names = list(variants(held_out=held_out))
            rng.shuffle(names)
        variant = names.pop()
        language = languages[index % len(languages)]
        voice = Voice(
            language=rng.choice(ACCENTS[language]),
            variant=variant,
            pitch=rng.randint(25, 75),
            range=rng.randint(30, 75),
            rate=rng.randint(140, 205),
        )
        name = f"{index:03d}-{voice.language}-{variant.replace(' ', '_')}"
        speakers.append((name, language, voice))
    return tuple(speakers)
