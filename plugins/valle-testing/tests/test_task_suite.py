"""The suite of tasks catches faults planted in copies of a good one, each by the check it belongs to."""

from __future__ import annotations

import random
from dataclasses import replace

import torch

from valle_core.plugin import PluginSpec
from valle_core.types import TaskInputs
from valle_testing import planted, suite
from valle_testing.fakes.parts import FakeTask as Good
from valle_testing.suites.task.order import ORDER_CHECKS

WORDS = frozenset({"codes"})
SPEC = PluginSpec(kind="task", name="t", api=1, summary="", factory="a:b", options="a:c", capabilities=WORDS)


def drawing(change):
    class Faulty(Good):
        def draw(self, utterance, pool, rng, *, frame_rate):
            def good(utterance=utterance, pool=pool, rng=rng):
                return Good.draw(self, utterance, pool, rng, frame_rate=frame_rate)

            return change(good, utterance, pool, rng)

    return Faulty


def composing(change):
    class Faulty(Good):
        def compose(self, inputs, level, *, training):
            return change(super().compose, inputs, level, training)

    return Faulty


def drawn(change):
    """Inputs that `change` makes of good ones and the codes of the utterance."""

    def changed(good, utterance, pool, rng):
        inputs = good()
        return inputs and change(inputs, utterance.codes)

    return drawing(changed)


def composed(change):
    """Rows that `change` makes of good ones."""

    def changed(compose, inputs, level, training):
        return change(compose(inputs, level, training=training), inputs, level, training)

    return composing(changed)


def given(change):
    """Rows composed of inputs that were changed before."""
    return composing(
        lambda compose, inputs, level, training: compose(change(inputs, training), level, training=training)
    )


def finishing(change):
    class Faulty(Good):
        def finish(self, inputs, output):
            return change(inputs, output)

    return Faulty


def segment(row, role, **changes):
    """The row with one segment changed."""
    segments = tuple(replace(one, **changes) if one.role == role else one for one in row.segments)
    return replace(row, segments=segments)


def the_global_generator_draws(good, utterance, pool, rng):
    return good(rng=random)


def torch_draws_the_place(good, utterance, pool, rng):
    inputs = good()
    return inputs and replace(inputs, prompt=inputs.prompt[int(torch.randint(0, 3, ())) :])


def pieces_are_dealt_in_turn():
    turn = iter(range(10**6))

    def dealt(good, utterance, pool, rng):
        inputs = good()
        return inputs and replace(inputs, prompt=inputs.prompt.roll(next(turn), 0))

    return drawing(dealt)


def a_set_decides_the_order():
    """As a hash that differs between objects does."""

    class Faulty(Good):
        def draw(self, utterance, pool, rng, *, frame_rate):
            inputs = super().draw(utterance, pool, rng, frame_rate=frame_rate)
            return inputs and replace(inputs, prompt=inputs.prompt.roll(id(self) % 7919, 0))

    kept = []  # so that no two objects share an address

    def build():
        kept.append(Faulty())
        return kept[-1]

    return build


def prompt_and_answer_overlap_by_a_frame(good, utterance, pool, rng):
    return replace(good() or return_nothing(), prompt=utterance.codes[:31], response=utterance.codes[30:])


def return_nothing():
    empty = torch.zeros(0, dtype=torch.long)
    return TaskInputs(text=empty, language=0, prompt=empty[:, None], response=empty[:, None])


def the_utterance_itself_is_among_the_others(good, utterance, pool, rng):
    class Forgetful:
        codes = pool.codes

        def other(self, speaker, exclude):
            return pool.other(speaker, "")

    return good(pool=Forgetful())


def the_speaker_is_excluded_in_place_of_the_utterance(good, utterance, pool, rng):
    class Mistaken:
        codes = pool.codes

        def other(self, speaker, exclude):
            return pool.other(speaker, speaker)

    return good(pool=Mistaken())


def a_lonely_speaker_is_an_error(good, utterance, pool, rng):
    if not pool.other(utterance.speaker, utterance.id):
        raise IndexError("Cannot choose from an empty sequence")
    return good()


def a_lonely_speaker_prompts_himself(good, utterance, pool, rng):
    inputs = good()
    if inputs is None:
        return replace(return_nothing(), prompt=utterance.codes, response=utterance.codes)
    return inputs


def a_short_utterance_is_an_error(good, utterance, pool, rng):
    assert len(utterance.codes) > 1
    return good()


def no_symbols_are_an_error(good, utterance, pool, rng):
    return good(utterance=replace(utterance, language=utterance.language + 0 * int(utterance.symbols[0])))


def the_pools_codes_are_shifted_in_place(good, utterance, pool, rng):
    inputs = good()
    if inputs is not None:
        inputs.prompt[:1] = 0
    return inputs


def symbols_are_written(good, utterance, pool, rng):
    utterance.symbols[:1] = 0
    return good()


def the_target_is_visible(row, inputs, level, training):
    return segment(row, "response", tokens=inputs.response[:, : level + 1])


def the_whole_answer_is_visible(row, inputs, level, training):
    return segment(row, "response", tokens=inputs.response) if level else row


def the_answer_stands_in_the_prompt(row, inputs, level, training):
    prompt = torch.cat([inputs.prompt, inputs.response[:1, : inputs.prompt.shape[1]]])
    return segment(row, "prompt", tokens=prompt) if inputs.response.shape[1] == inputs.prompt.shape[1] else row


def one_level_too_few_is_visible(row, inputs, level, training):
    return segment(row, "response", tokens=inputs.response[:, : max(level - 1, 1)])


def the_target_is_the_level_below(row, inputs, level, training):
    return replace(row, target=inputs.response[:, max(level - 1, 0)]) if training else row


def the_target_is_shifted(row, inputs, level, training):
    return replace(row, target=row.target.roll(-1)) if training else row


def synthesis_has_a_target(row, inputs, level, training):
    return row if training else replace(row, target=inputs.response.new_zeros(len(inputs.response)))


def synthesis_reads_level_0_in_full(compose, inputs, level, training):
    return replace(compose(inputs, level, training=training), causal=level == 0 and training)


def the_prompt_stands_last(row, inputs, level, training):
    last = [one for one in row.segments if one.role == "prompt"]
    return replace(row, segments=(*(one for one in row.segments if one.role != "prompt"), *last))


def the_prompt_is_cut_at_synthesis(compose, inputs, level, training):
    return compose(inputs if training else replace(inputs, prompt=inputs.prompt[:5]), level, training=training)


def the_text_is_doubled_at_synthesis(compose, inputs, level, training):
    text = inputs.text if training else torch.cat([inputs.text, inputs.text])
    return compose(replace(inputs, text=text), level, training=training)


def a_start_frame_is_made_up(row, inputs, level, training):
    if level == 0 and not training and not len(inputs.response):
        return segment(row, "response", tokens=inputs.response.new_zeros(1, 1))
    return row


def an_empty_prompt_is_filled_up(compose, inputs, level, training):
    prompt = inputs.prompt if len(inputs.prompt) else inputs.prompt.new_zeros(1, inputs.prompt.shape[1])
    return compose(replace(inputs, prompt=prompt), level, training=training)


def an_empty_text_is_an_error(compose, inputs, level, training):
    assert len(inputs.text)
    return compose(inputs, level, training=training)


def composing_masks_at_random(row, inputs, level, training):
    return segment(row, "text", tokens=inputs.text * (torch.rand(inputs.text.shape) > 0.5))


def composing_writes_the_text(compose, inputs, level, training):
    inputs.text.add_(1)
    return compose(inputs, level, training=training)


def another_output_is_told(compose, inputs, level, training):
    return replace(compose(inputs, level, training=training), output="symbols")


def the_answer_is_written(inputs, output):
    output[:1] = 0
    return output


ANSWER, ORDER = "answers_its_level_without_showing_it", "lays_rows_out_in_order"
WHOLE, ALIKE = "draws_whole_inputs", "composes_alike_for_training_and_synthesis"
FAULTS = {
    "the output is unknown": (type("Faulty", (Good,), {"output": "audio"}), "states_its_output"),
    another_output_is_told: (composing, "states_its_output"),
    "nothing is ever drawn": (drawing(lambda good, utterance, pool, rng: None), "states_its_output"),
    the_global_generator_draws: (drawing, "draws_by_its_rng_alone"),
    torch_draws_the_place: (drawing, "draws_by_its_rng_alone"),
    "pieces are dealt in turn": (pieces_are_dealt_in_turn(), "draws_by_its_rng_alone"),
    "a hash decides the order": (a_set_decides_the_order(), "draws_by_its_rng_alone"),
    "the prompt is the target": (
        drawn(lambda inputs, codes: replace(inputs, prompt=codes)),
        "keeps_the_answer_out_of_the_prompt",
    ),
    prompt_and_answer_overlap_by_a_frame: (drawing, "keeps_the_answer_out_of_the_prompt"),
    the_utterance_itself_is_among_the_others: (drawing, "asks_the_pool_for_others"),
    the_speaker_is_excluded_in_place_of_the_utterance: (drawing, "asks_the_pool_for_others"),
    "another language is told": (drawn(lambda inputs, codes: replace(inputs, language=0)), WHOLE),
    "the prompt has level 0 alone": (drawn(lambda inputs, codes: replace(inputs, prompt=inputs.prompt[:, :1])), WHOLE),
    "the response is cut to its first level": (
        drawn(lambda inputs, codes: replace(inputs, response=inputs.response[:, :1])),
        WHOLE,
    ),
    "codes come as floats": (drawn(lambda inputs, codes: replace(inputs, prompt=inputs.prompt.float())), WHOLE),
    a_lonely_speaker_is_an_error: (drawing, "copes_with_poor_utterances"),
    a_lonely_speaker_prompts_himself: (drawing, "copes_with_poor_utterances"),
    a_short_utterance_is_an_error: (drawing, "copes_with_poor_utterances"),
    no_symbols_are_an_error: (drawing, "copes_with_poor_utterances"),
    the_target_is_visible: (composed, ANSWER),
    the_whole_answer_is_visible: (composed, ANSWER),
    the_answer_stands_in_the_prompt: (composed, ANSWER),
    one_level_too_few_is_visible: (composed, ANSWER),
    the_target_is_the_level_below: (composed, ANSWER),
    the_target_is_shifted: (composed, ANSWER),
    "training has no target": (composed(lambda row, inputs, level, training: replace(row, target=None)), ANSWER),
    synthesis_has_a_target: (composed, ALIKE),
    "nar rows are causal": (
        composed(lambda row, inputs, level, training: replace(row, causal=True)),
        "reads_level_0_alone_causally",
    ),
    synthesis_reads_level_0_in_full: (composing, "reads_level_0_alone_causally"),
    "the level counts from one": (
        composed(lambda row, inputs, level, training: segment(row, "level", tokens=torch.tensor([level + 1]))),
        ORDER,
    ),
    "the language of the row is left out": (
        composed(lambda row, inputs, level, training: replace(row, language=0)),
        ORDER,
    ),
    the_prompt_stands_last: (composed, ORDER),
    "the tone is dropped": (given(lambda inputs, training: replace(inputs, tone=None)), ORDER),
    "no tone is tone 0": (given(lambda inputs, training: replace(inputs, tone=inputs.tone or 0)), ORDER),
    "the text loses its end": (given(lambda inputs, training: replace(inputs, text=inputs.text[:-1])), ORDER),
    the_prompt_is_cut_at_synthesis: (composing, ALIKE),
    the_text_is_doubled_at_synthesis: (composing, ALIKE),
    a_start_frame_is_made_up: (composed, ALIKE),
    an_empty_prompt_is_filled_up: (composing, "composes_without_text_or_prompt"),
    an_empty_text_is_an_error: (composing, "composes_without_text_or_prompt"),
    composing_masks_at_random: (composed, "writes_nothing_and_keeps_nothing"),
    composing_writes_the_text: (composing, "writes_nothing_and_keeps_nothing"),
    the_pools_codes_are_shifted_in_place: (drawing, "writes_nothing_and_keeps_nothing"),
    symbols_are_written: (drawing, "writes_nothing_and_keeps_nothing"),
    the_answer_is_written: (finishing, "writes_nothing_and_keeps_nothing"),
    "it says that it continues": (type("Faulty", (Good,), {"continues": True}), "continues_where_it_says"),
    "the prompt is the beginning of the utterance": (
        drawn(lambda inputs, codes: replace(inputs, prompt=codes[:20], response=codes[20:])),
        "continues_where_it_says",
    ),
    "another output is declared": (
        Good,
        "is_what_its_spec_says",
        replace(SPEC, capabilities=frozenset({"symbols"})),
    ),
    "a word is misspelt": (Good, "declares_words_of_its_kind", replace(SPEC, capabilities=frozenset({"code"}))),
}
"""Fault → how it is planted, the check that must see it."""

PROCESS = {"leaves_the_process_alone"}
"""See test_process_faults."""

ELSEWHERE = {
    "asks_the_pool_for_what_there_is",
    "finishes_every_answer",
    "says_how_long_it_answers",
    "names_its_rows",
}
"""See test_task_pool_suite, test_task_answers and test_task_words_suite."""

CASES = planted.cases("task", FAULTS, spec=SPEC)
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)


def test_a_good_task_passes():
    report = suite.run("task", Good, spec=SPEC)
    assert report.ok, report.table()
    assert report.count("passed") == len(suite.checks_of("task", SPEC))


def test_every_check_has_a_fault_here_or_in_a_file_of_its_own():
    checks = {check.__name__ for check in suite.checks_of("task", SPEC) if check not in ORDER_CHECKS}
    assert {fault.check for fault in CASES.values()} | PROCESS == checks - ELSEWHERE
