"""What a corpus is to hold, as a list of utterances that is a pure function of the plan."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

from valle_core.plugin import UserError
from valle_corpus.engines.engine import Engine, Speaker
from valle_corpus.sentences.grammar import GRAMMARS, draw_sentence
from valle_corpus.sentences.held_out import is_held_out

GROUPS = ("train", "held-out")


@dataclass(frozen=True, kw_only=True, slots=True)
class CorpusPlan:
    """What to speak.

    Attributes:
        engine: who speaks.
        options: of the engine, as text.
        voices: training speakers.
        utterances: sentences of each speaker.
        held_out_voices: speakers of the group `held-out`, whose voices and sentences training never has.
        held_out_utterances: sentences of each held-out speaker.
        languages: of the built-in sentences; speakers are dealt to them in turn.
        minutes: stop a group's speakers evenly once about this much audio is made; 0 for no bound.
        sample_rate: of the files, Hz; 0 for the engine's own.
        seed: the list of utterances is a pure function of this plan.
        speakers: names of the engine's voices; then these speak, in place of drawn ones, the two scripts below.
        script: sentences of the group `train`; every speaker says each.
        held_out_script: sentences of the group `held-out`; the same speakers say each.
        texts: sentences that are dealt to the drawn speakers in place of the built-in ones, each said once.
    """

    engine: str = "espeak"
    options: Mapping[str, str] | None = None
    voices: int = 20
    utterances: int = 20
    held_out_voices: int = 4
    held_out_utterances: int = 5
    languages: tuple[str, ...] = ("en",)
    minutes: float = 0.0
    sample_rate: int = 22050
    seed: int = 0
    speakers: tuple[str, ...] = ()
    script: tuple[str, ...] = ()
    held_out_script: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For `corpus.json`; of many sentences their number and hash."""
        digest = hashlib.sha256("\n".join(self.texts).encode()).hexdigest()[:16]
        facts = {**asdict(self), "texts": {"number": len(self.texts), "hash": digest} if self.texts else None}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in facts.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One utterance: who says what, and where it goes."""

    stem: str
    text: str
    speaker: Speaker
    seed: int
    sample_rate: int


def check_plan(plan: CorpusPlan, engine: Engine) -> None:
    """Raises `UserError` for a plan that says nothing, or what the engine does not read."""
    if bool(plan.speakers) != bool(plan.script):
        raise UserError("a scripted corpus needs both --speaker and --script. Give both, or neither")
    if plan.voices < 1 or plan.utterances < 1:
        raise UserError("a corpus needs at least one voice and one utterance. Raise --voices and --utterances")
    unknown = [language for language in plan.languages if language not in GRAMMARS]
    if unknown or not plan.languages:
        raise UserError(f"no built-in sentences for language {unknown}. Choose from: {', '.join(GRAMMARS)}")
    if unread := [language for language in plan.languages if language not in engine.languages]:
        raise UserError(
            f"engine '{plan.engine}' does not read {', '.join(unread)}. Choose from: {', '.join(engine.languages)}"
        )


def items(plan: CorpusPlan, engine: Engine, group: str) -> list[Item]:
    """The utterances of a group, one per speaker in turn, so that any beginning of the list is balanced.

    Raises:
        UserError: too few voices or sentences.
    """
    held_out = group == "held-out"
    rate = plan.sample_rate or engine.sample_rate
    if plan.speakers:
        script = plan.held_out_script if held_out else plan.script
        spoken = [(engine.speaker(name), number, text) for number, text in enumerate(script) for name in plan.speakers]
    else:
        spoken = _drawn(plan, engine, held_out=held_out)
    return [
        Item(
            stem=f"{group}/{speaker.name}/{number:04d}",
            text=text,
            speaker=speaker,
            seed=int.from_bytes(hashlib.sha256(f"{plan.seed} {speaker.name} {number}".encode()).digest()[:4]),
            sample_rate=rate,
        )
        for speaker, number, text in spoken
    ]


def _drawn(plan: CorpusPlan, engine: Engine, *, held_out: bool) -> list[tuple[Speaker, int, str]]:
    count = plan.held_out_voices if held_out else plan.voices
    each = plan.held_out_utterances if held_out else plan.utterances
    if not count or not each:
        return []
    speakers = engine.speakers(count, languages=plan.languages, seed=plan.seed, held_out=held_out)
    dealt = _dealt(plan.texts, count * each, seed=plan.seed, held_out=held_out) if plan.texts else None
    group = "held-out" if held_out else "train"
    spoken = []
    for number in range(each):
        for place, speaker in enumerate(speakers):
            rng = Random(f"sentence {plan.seed} {group} {speaker.name} {number}")
            root = speaker.language.split("-")[0]
            text = dealt[number * count + place] if dealt else draw_sentence(root, rng, held_out=held_out)
            spoken.append((speaker, number, text))
    return spoken


def _dealt(texts: Sequence[str], count: int, *, seed: int, held_out: bool) -> list[str]:
    """`count` of the sentences of one side of the split, in an order of the seed."""
    side = [text for text in dict.fromkeys(texts) if is_held_out(text) == held_out]
    Random(f"texts {seed}").shuffle(side)
    if len(side) < count:
        name = "held-out" if held_out else "training"
        raise UserError(
            f"{count} {name} utterances were asked for, the sentences give {len(side)} (one in six is held out). "
            "Give more sentences, or ask for fewer"
        )
    return side[:count]
