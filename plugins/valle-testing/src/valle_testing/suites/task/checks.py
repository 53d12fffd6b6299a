"""Conformance suite of tasks.

test_it_conforms = suite.conformance("task", lambda: MyTask(MyOptions()), spec=SPEC)
"""

# ruff: noqa: PT018  (one finding may take two conditions)
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import get_args
from unittest import SkipTest

import torch
from torch import Tensor

from valle_core.interfaces import Task
from valle_core.plugin import PluginSpec
from valle_core.types import KnowsFrames, Output, Role, TaskInputs
from valle_testing.contract import contract
from valle_testing.suites.task.order import ORDER_CHECKS
from valle_testing.suites.task.pool import (
    LEVELS,
    RATE,
    Build,
    CorpusPool,
    drawn,
    frames_of,
    same_inputs,
    same_segments,
    shared_frames,
    tensors_of,
)
from valle_testing.watch import Generators, generators_kept, seed_all

ORDER = ("text", "language", "level", "prompt", "tone", "response")
SEEDS = range(24)


@contract("Task", 'output: "codes", "symbols", "length" or "letters".')
def states_its_output(build: Build) -> None:
    """One of the four, and the same in each sequence."""
    task = build()
    assert task.output in get_args(Output), f"output is {task.output!r}"
    for _, inputs in _examples(task, seeds=range(2)):
        stated = task.compose(inputs, 0, training=True).output
        assert stated == task.output, f"a sequence's output is {stated!r}, the task's {task.output!r}"


@contract("Task", "continues: whether the answer goes on where the prompt ends, so that the text is of both.")
def continues_where_it_says(build: Build) -> None:
    """A prompt that the response follows without a gap is drawn where it says so, and nowhere else; rows say it too."""
    task = build()
    assert isinstance(task.continues, bool), f"continues is {task.continues!r}"
    _needs_codes(task)
    for what, inputs in _examples(task):
        if len(inputs.prompt):
            follows = torch.equal(inputs.prompt[-1] + LEVELS, inputs.response[0])
            assert follows == task.continues, (
                f"{what}: continues is {task.continues} and the response {'follows' if follows else 'does not follow'} "
                "the prompt without a gap"
            )
        for training in (True, False):
            stated = task.compose(inputs, 0, training=training).continues
            assert stated == task.continues, (
                f"{what}: the row says continues={stated}, the task {task.continues}; pass it to `lay_out`, "
                "or a layout may put the text between prompt and response"
            )


@contract("Task.draw", "is the only source of chance: equal arguments give equal inputs")
def draws_by_its_rng_alone(build: Build) -> None:
    """Equal seeds give equal inputs in any order, in a second object, under other global seeds, all unused."""
    task, other = build(), build()
    pool = CorpusPool()
    for seed in SEEDS:
        for utterance in pool.utterances()[:3]:
            results = []
            for number, one in enumerate((task, task, other)):
                with generators_kept():
                    seed_all(number)
                    before = Generators.now()
                    results.append(one.draw(utterance, pool, Random(seed), frame_rate=RATE))
                    changed = list(Generators.now().changes(before, may_draw=False))
                assert not changed, f"draw changes {', '.join(changed)}"
                one.draw(pool.utterances()[4], pool, Random(seed + 99), frame_rate=RATE)
            for again in results[1:]:
                assert same_inputs(results[0], again), f"seed {seed} gives two different inputs for '{utterance.id}'"


@contract("Task.draw", "The prompt holds nothing of the response.")
def keeps_the_answer_out_of_the_prompt(build: Build) -> None:
    """No frame of the prompt is one of the response: neither all of it nor a part that overlaps."""
    task = build()
    for what, inputs in _examples(task):
        shared = shared_frames(inputs.prompt, inputs.response)
        assert shared == 0, f"{what}: {shared} of {len(inputs.prompt)} prompt frames are frames of the response"


@contract("Pool.other", "Ids of the speaker's utterances except `exclude`")
def asks_the_pool_for_others(build: Build) -> None:
    """What it takes from the pool is of the utterance's speaker and is not the utterance itself."""
    task = build()
    for id in [utterance.id for utterance in CorpusPool().utterances()]:
        pool = CorpusPool()
        utterance = pool.utterance(id)
        for seed in SEEDS:
            task.draw(utterance, pool, Random(seed), frame_rate=RATE)
        for speaker, exclude in pool.asked:
            assert speaker != utterance.speaker or exclude == id, f"others of '{id}' are asked for without excluding it"
        assert id not in pool.fetched, f"'{id}' fetches its own codes from the pool as if they were another's"


@contract("Pool.mix", "a and b hold all levels and at least a frame.")
def asks_the_pool_for_what_there_is(build: Build) -> None:
    """Noise of one frame or more, mixes of whole codes at a ratio, one similar utterance or more, always."""
    task = build()
    whole = CorpusPool().utterances()
    short = [replace(whole[0], codes=whole[0].codes[:frames]) for frames in (0, 1)]
    for utterance in (*whole, *short):
        for pool in (CorpusPool(), CorpusPool(frames=1)):
            for seed in range(6):
                task.draw(utterance, pool, Random(seed), frame_rate=RATE)
            assert not pool.misused, f"'{utterance.id}' of {len(utterance.codes)} frames: {pool.misused[0]}"


@contract("Task.draw", "Inputs of one training example (`response` is whole)")
def draws_whole_inputs(build: Build) -> None:
    """All levels of prompt and response, the utterance's language, integers; a symbol sequence of one dimension."""
    task = build()
    for what, inputs in _examples(task):
        assert inputs.text.ndim == 1, f"{what}: text is {tuple(inputs.text.shape)}"
        for name in ("prompt", "response"):
            codes = getattr(inputs, name)
            assert codes.ndim == 2, f"{what}: {name} is {tuple(codes.shape)}, not [frames, levels]"
            assert (name == "response" and task.output != "codes") or codes.shape[1] == LEVELS, (
                f"{what}: {name} has {codes.shape[1]} levels of {LEVELS}"
            )
        assert len(inputs.response), f"{what}: the response has no frame"
        for name, tensor in tensors_of(inputs).items():
            assert not tensor.is_floating_point(), f"{what}: {name} is {tensor.dtype}"
        language = CorpusPool().utterance(what.split("'")[1]).language
        assert inputs.language == language, f"{what}: language is {inputs.language}, the utterance's {language}"


@contract("Task.draw", "or None where the utterance does not allow it.")
def copes_with_poor_utterances(build: Build) -> None:
    """No other utterance of the speaker, one frame, no frame, no symbols: None, or inputs that can be composed."""
    task = build()
    whole = CorpusPool().utterances()[0]
    lonely = CorpusPool(utterances=1)
    poor = {
        "a speaker's only utterance": (whole, lonely),
        "an utterance of one frame": (replace(whole, codes=whole.codes[:1]), CorpusPool()),
        "an utterance of no frame": (replace(whole, codes=whole.codes[:0]), CorpusPool()),
        "an utterance without symbols": (replace(whole, symbols=whole.symbols[:0]), CorpusPool()),
        "others of one frame": (whole, CorpusPool(frames=1)),
    }
    for what, (utterance, pool) in poor.items():
        for seed in range(6):
            inputs = task.draw(utterance, pool, Random(seed), frame_rate=RATE)
            if inputs is None:
                continue
            assert shared_frames(inputs.prompt, inputs.response) == 0, f"{what}: the prompt holds some of the response"
            if len(inputs.response):
                for level in range(inputs.response.shape[1]):
                    task.compose(inputs, level, training=True)


@contract("Task.compose", "In training it carries the target and never shows it as input.")
def answers_its_level_without_showing_it(build: Build) -> None:
    """The target is the level asked for; levels ≥ 1 see the levels below it and nothing of the target."""
    task = build()
    _needs_codes(task)
    for what, inputs in _examples(task, seeds=range(4)):
        for level in range(LEVELS):
            row = task.compose(inputs, level, training=True)
            what_level = f"{what}, level {level}"
            assert row.target is not None, f"{what_level}: there is no target in training"
            wanted = inputs.response[:, level]
            assert torch.equal(row.target, wanted), f"{what_level}: the target is not level {level} of the response"
            visible = row.segments[-1].tokens
            below = inputs.response[:, : max(level, 1)]  # level 0 reads itself, shifted by the model
            assert torch.equal(visible, below), (
                f"{what_level}: the response shows {tuple(visible.shape)}, expected its levels "
                f"0 … {max(level, 1) - 1}, {tuple(below.shape)}"
            )
            hidden = row.segments if level else row.segments[:-1]
            for segment in hidden:
                if segment.role in ("prompt", "response"):
                    seen = int(torch.isin(row.target, segment.tokens.flatten()).sum())
                    assert seen == 0, f"{what_level}: the {segment.role} shows {seen} of {len(wanted)} target codes"


@contract("TaskSequence", "in the canonical order text · language · level · prompt · tone · response")
def lays_rows_out_in_order(build: Build) -> None:
    """Roles in order, each once, the response last; level, language and tone say what was asked."""
    task = build()
    for what, drawn_inputs in _examples(task, seeds=range(2)):
        for tone in (None, 3):
            inputs = replace(drawn_inputs, tone=tone)
            for level in range(LEVELS if task.output == "codes" else 1):
                row = task.compose(inputs, level, training=True)
                roles = [segment.role for segment in row.segments]
                known = [role for role in roles if role in ORDER]
                assert set(roles) <= set(get_args(Role)), f"{what}: roles {roles}"
                assert roles[-1] == "response", f"{what}: the last segment is {roles[-1]}"
                assert known == sorted(set(known), key=ORDER.index), f"{what}: roles stand as {roles}"
                assert ("tone" in roles) == (tone is not None), f"{what}: tone {tone} gives the roles {roles}"
                says = {"level": (level, row.level), "language": (inputs.language, row.language), "tone": (tone, tone)}
                for segment in row.segments:
                    assert not segment.tokens.is_floating_point(), f"{what}: {segment.role} is {segment.tokens.dtype}"
                    if segment.role in says:
                        asked, stated = says[segment.role]
                        assert segment.tokens.tolist() == [asked], (
                            f"{what}: the {segment.role} segment says {segment.tokens.tolist()}, asked was {asked}"
                        )
                        assert stated == asked, f"{what}: the row states {segment.role} {stated}, asked was {asked}"
                for name in ("text", "prompt"):
                    shown = [segment.tokens for segment in row.segments if segment.role == name]
                    same = not shown or torch.equal(shown[0], getattr(inputs, name))
                    assert same, f"{what}: the {name} segment is not the {name} of the inputs"


@contract("TaskSequence", "causal: True for autoregressive rows.")
def reads_level_0_alone_causally(build: Build) -> None:
    """In training and at synthesis."""
    task = build()
    for what, inputs in _examples(task, seeds=range(1)):
        for level in range(LEVELS if task.output == "codes" else 1):
            for training in (True, False):
                row = task.compose(inputs, level, training=training)
                assert row.causal is (level == 0), f"{what}: level {level} has causal={row.causal}, training={training}"
                assert row.level == level, f"{what}: level {level} is called {row.level}"


@contract("Task", "Builds sequences, the same way for training and synthesis.")
def composes_alike_for_training_and_synthesis(build: Build) -> None:
    """Equal segments for equal inputs, without a target; level 0 also starts from a response of no frame."""
    task = build()
    for what, inputs in _examples(task, seeds=range(2)):
        for level in range(LEVELS if task.output == "codes" else 1):
            trained, asked = (task.compose(inputs, level, training=training) for training in (True, False))
            assert asked.target is None, f"{what}: level {level} carries a target at synthesis"
            known = replace(inputs, response=inputs.response[:, : max(level, 1)])
            for given in (asked, task.compose(known, level, training=False)):
                differ = same_segments(trained, given)
                assert not differ, f"{what}: level {level} differs between training and synthesis in {differ}"
        for levels in (0, 1, LEVELS):
            start = replace(inputs, response=inputs.response[:0, :levels])
            row = task.compose(start, 0, training=False)
            assert len(row.segments[-1].tokens) == 0, f"{what}: a response of no frame is laid out with some"
            trained = task.compose(inputs, 0, training=True)
            differ = same_segments(trained, row, but="response")
            assert not differ, f"{what}: synthesis from the start differs from training in {differ}"


@contract("TaskInputs", "text: [P] phoneme ids, possibly empty.")
def composes_without_text_or_prompt(build: Build) -> None:
    """Empty text and a prompt of no frames, alone and together."""
    task = build()
    for what, inputs in _examples(task, seeds=range(1)):
        for text, prompt in ((0, None), (None, 0), (0, 0)):
            less = replace(inputs, text=inputs.text[:text], prompt=inputs.prompt[:prompt])
            for level in range(LEVELS if task.output == "codes" else 1):
                for training in (True, False):
                    row = task.compose(less, level, training=training)
                    sizes = {segment.role: len(segment.tokens) for segment in row.segments}
                    assert sizes.get("text", 0) == len(less.text), f"{what}: an empty text takes {sizes['text']}"
                    assert sizes.get("prompt", 0) == len(less.prompt), f"{what}: no prompt takes {sizes['prompt']}"


@contract("Task", "It keeps nothing between calls and writes into nothing it is given.")
def writes_nothing_and_keeps_nothing(build: Build) -> None:
    """The utterance, the pool's codes, the inputs and the answer stay; composing again gives the same."""
    task = build()
    pool = CorpusPool()
    before = CorpusPool()
    for utterance in pool.utterances():
        inputs = task.draw(utterance, pool, Random(7), frame_rate=RATE)
        clean = before.utterance(utterance.id)
        assert torch.equal(utterance.codes, clean.codes), f"the codes of '{utterance.id}' were written to"
        assert torch.equal(utterance.symbols, clean.symbols), f"the symbols of '{utterance.id}' were written to"
        if inputs is None:
            continue
        kept = {name: tensor.clone() for name, tensor in tensors_of(inputs).items()}
        state = torch.get_rng_state()
        for level in range(LEVELS if task.output == "codes" else 1):
            one = task.compose(inputs, level, training=True)
            task.compose(replace(inputs, text=inputs.text[:1]), level, training=False)
            differ = same_segments(one, task.compose(inputs, level, training=True))
            assert not differ, f"composing level {level} again gives another {differ}"
        assert torch.equal(state, torch.get_rng_state()), "compose draws random numbers"
        answer = inputs.response.clone()
        first = task.finish(inputs, answer)
        assert torch.equal(answer, inputs.response), "finish writes into the answer"
        assert torch.equal(first, task.finish(inputs, answer)), "finishing twice gives two results"
        for name, tensor in tensors_of(inputs).items():
            assert torch.equal(tensor, kept[name]), f"the inputs' {name} was written to"
    for id in before.ids():
        assert torch.equal(pool.codes(id), before.codes(id)), f"the pool's codes of '{id}' were written to"


@contract("Task.finish", "The result made from the model's answer")
def finishes_every_answer(build: Build) -> None:
    """All levels of as many frames or more, as integers; the answer's frames are in it, in order, to both ends."""
    task = build()
    _needs_codes(task)
    for what, inputs in _examples(task, seeds=range(2)):
        for frames in (1, len(inputs.response), len(inputs.response) + 9):
            answer = frames_of(50_000, frames)
            result = task.finish(inputs, answer)
            assert result.ndim == 2 and result.shape[1] == LEVELS, f"{what}: {frames} frames give {tuple(result.shape)}"
            assert not result.is_floating_point(), f"{what}: the result is {result.dtype}"
            kept = result[torch.isin(result[:, 0], answer[:, 0])]
            assert torch.equal(kept, answer), f"{what}: {len(kept)} of {frames} answered frames are in the result"


@contract("KnowsFrames.frames", "of a drawn example those of its response")
def says_how_long_it_answers(build: Build) -> None:
    """Where it says how many frames its answer has, it is those of the response, and one at least."""
    task = build()
    if not isinstance(task, KnowsFrames):
        return
    for what, inputs in _examples(task, seeds=range(4)):
        said, drawn_frames = task.frames(inputs), len(inputs.response)
        assert said == drawn_frames, f"{what}: it says {said} frames, the response has {drawn_frames}"
        nothing = replace(inputs, response=inputs.response[:0])
        assert task.frames(nothing) == said, f"{what}: without the response, which nobody knows yet, it says another"


@contract("Task", 'With "token" its rows say its name')
def names_its_rows(build: Build, spec: PluginSpec) -> None:
    """Rows say the name of a spec with "token"; without, they hold no token. It says "source" where it reads one."""
    task = build()
    for what, inputs in _examples(task, seeds=range(2)):
        row = task.compose(inputs, 0, training=True)
        roles = {segment.role for segment in row.segments}
        if "token" in spec.capabilities:
            assert row.task == spec.name, f"{what}: the row says task={row.task!r}, the spec {spec.name!r}"
        assert "token" in spec.capabilities or "task" not in roles, f"{what}: a token, and the spec declares none"
        reads = inputs.source is not None
        assert reads == ("source" in spec.capabilities), f"{what}: a source is drawn, or declared, and not both"
        assert (inputs.span is not None) == ("edit" in spec.capabilities), f"{what}: a span is drawn, or declared"
        assert (inputs.letters is not None) == ("written" in spec.capabilities), f"{what}: letters are, or declared"


@contract("PluginSpec", "words of the kind's contract it declares")
def is_what_its_spec_says(build: Build, spec: PluginSpec) -> None:
    """The output is declared."""
    output = build().output
    declared = sorted(spec.capabilities & {*get_args(Output)})
    assert declared == [output], f"its output is {output}, the spec declares {', '.join(declared) or 'none'}"


def _examples(task: Task, *, seeds: range = SEEDS) -> Iterator[tuple[str, TaskInputs]]:
    """Inputs drawn for several utterances; `AssertionError` when the task never draws any."""
    found = False
    for what, inputs in drawn(task, seeds):
        found = True
        yield what, inputs
    assert found, f"it draws nothing from utterances of up to {max(map(len, _codes()))} frames at {RATE} frames/s"


def _codes() -> list[Tensor]:
    return [utterance.codes for utterance in CorpusPool().utterances()]


def _needs_codes(task: Task) -> None:
    if task.output != "codes":
        raise SkipTest(f"its output is {task.output}")


CHECKS: tuple[Callable[..., None], ...] = (
    draws_by_its_rng_alone,
    states_its_output,
    continues_where_it_says,
    keeps_the_answer_out_of_the_prompt,
    asks_the_pool_for_others,
    asks_the_pool_for_what_there_is,
    draws_whole_inputs,
    copes_with_poor_utterances,
    answers_its_level_without_showing_it,
    lays_rows_out_in_order,
    reads_level_0_alone_causally,
    composes_alike_for_training_and_synthesis,
    composes_without_text_or_prompt,
    writes_nothing_and_keeps_nothing,
    finishes_every_answer,
    says_how_long_it_answers,
    *ORDER_CHECKS,
)
"""Each takes `(build)` and raises `AssertionError`."""

SPEC_CHECKS: tuple[Callable[..., None], ...] = (is_what_its_spec_says, names_its_rows)
"""Each takes `(build, spec)`."""
