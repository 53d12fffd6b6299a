"""A model with a pointer speaks the same codes with drafts and without, whoever draws them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from valle_draft.heads import DraftHeads
from valle_draft.layer_skip import LayerSkip
from valle_draft.options import HeadsOptions, LayerSkipOptions

from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.synthesis.options import SynthesisOptions
from valle_core.synthesis.request import Request
from valle_core.synthesis.sampling.randomness import row_seeds
from valle_core.synthesis.synthesizer import Synthesizer
from valle_kit.engine import Ended, Engine
from valle_kit.masked import fill_level0
from valle_testing.fakes.speaking import Greedy, part, synthesizer_of

SYMBOLS = ("<pad>", "<unk>", " ", *"abcdefghˈː")
D = 16


def speaker(draft: str, chain: list, *, arch: str = "llama") -> Synthesizer:
    torch.manual_seed(3)
    sizes = {"d_model": D, "n_layers": 3, "n_heads": 2, "max_length": 200}
    backbone = part("arch", arch, sizes, attention=part("attention", "sdpa", {}))
    pointer = part("alignment", "pointer", {}, d_model=D, symbols=SYMBOLS, languages=2)
    with torch.no_grad():
        pointer.advance.weight.normal_(std=0.3)
        pointer.advance.bias.fill_(-0.7)
    made = DraftHeads(HeadsOptions(), D) if draft == "heads" else LayerSkip(LayerSkipOptions(exit=2), 3)
    vocabulary = Vocabulary(symbols=len(SYMBOLS), languages=2, num_levels=1, codebook_size=32)
    model = CodecLM(backbone, vocabulary, ModelOptions(parts="ar"), alignment=pointer, draft=made).eval()
    return synthesizer_of(model, symbols=SYMBOLS, languages=("xx", "yy"), task=part("task", "tts"), chain=chain)


def level0(synthesizer: Synthesizer, requests: list[Request], **changes):
    spoken = Synthesizer(replace(synthesizer.components, **changes))
    inputs = [spoken.prepare(request).inputs for request in requests]
    with torch.inference_mode():
        found, times, _ = spoken.level0(
            inputs, torch.cat([row_seeds(request.seed, [0], device="cpu") for request in requests]), requests
        )
    return [row.tolist() for row in found.tokens], [when.tolist() for when in times], found.steps


ASKED = [Request(text="ab", language="yy", seed=5), Request(text="hg fe", language="xx", seed=3)]


@pytest.mark.parametrize(("draft", "chain"), [("heads", []), ("layer-skip", [Greedy()])])
def test_codes_and_times_are_those_of_one_frame_a_step(draft, chain):
    synthesizer = speaker(draft, chain)
    for requests in (ASKED[:1], ASKED):
        codes, times, steps = level0(synthesizer, requests)
        again = level0(synthesizer, requests, drafts=-1)
        assert again[:2] == (codes, times)
        assert again[2] <= steps
    alone = level0(synthesizer, ASKED[1:], drafts=2)[0]
    assert alone == codes[1:]


def test_unchecked_drafts_take_a_step_for_several_frames():
    codes, _, steps = level0(speaker("heads", []), ASKED[1:], unchecked=True, drafts=3)
    assert len(codes[0]) > 4
    assert steps == len(codes[0]) // 4


def spoken_together(synthesizer: Synthesizer, requests: list[Request], *, late: int = 0) -> tuple[list, int]:
    """What an engine says, with the last request `late` steps behind the others; and its steps."""
    engine = Engine(synthesizer)
    tickets = [engine.submit(request) for request in requests[: len(requests) - bool(late)]]
    said, steps = {}, 0
    while not engine.idle or len(tickets) < len(requests):
        if late and steps == late:
            tickets.append(engine.submit(requests[-1]))
        ended = [event for event in engine.step() if isinstance(event, Ended)]
        said |= {event.ticket: event.finish().codes[:, 0].tolist() for event in ended}
        steps += 1
    return [said[ticket] for ticket in tickets], steps


@pytest.mark.parametrize(("draft", "arch"), [("heads", "llama"), ("layer-skip", "llama"), ("heads", "transformer")])
@pytest.mark.parametrize("more", [{"drafts": 2}, {"drafts": 2, "unchecked": True}], ids=["checked", "unchecked"])
def test_rows_of_an_engine_come_and_go_with_drafts_and_say_what_they_say_alone(draft, arch, more):
    plain = speaker(draft, [], arch=arch)
    synthesizer = Synthesizer(replace(plain.components, **more))
    codes = [level0(synthesizer, [request])[0][0] for request in ASKED]
    if not more.get("unchecked"):
        assert codes == [level0(plain, [request])[0][0] for request in ASKED]
    assert spoken_together(synthesizer, ASKED)[0] == codes
    for late in (2, 5):
        assert spoken_together(synthesizer, ASKED, late=late)[0] == codes
    alone, steps = spoken_together(synthesizer, ASKED[1:])
    assert alone == codes[1:]
    _, plain_steps = spoken_together(plain, ASKED[1:])
    saves = draft == "layer-skip" or "unchecked" in more  # heads that were never trained hold for nothing
    assert steps < plain_steps or (not saves and steps == plain_steps)


def test_rows_that_are_together_go_on_by_one_frame_a_step():
    """Then the backbone reads its weights once for all of them."""
    synthesizer = Synthesizer(replace(speaker("layer-skip", []).components, drafts=3))  # of which some hold
    _, steps = spoken_together(synthesizer, [ASKED[1], replace(ASKED[1], seed=4)])
    shortest = min(len(level0(synthesizer, [replace(ASKED[1], seed=seed)])[0][0]) for seed in (3, 4))
    assert steps > shortest


def test_a_failure_while_drafts_are_checked_is_that_of_its_request_alone():
    synthesizer = Synthesizer(replace(speaker("heads", []).components, drafts=2))
    engine = Engine(synthesizer)
    gone = engine.submit(ASKED[1])
    for _ in range(2):
        engine.step()
    assert engine.cancel(gone)
    assert spoken_together(synthesizer, ASKED[:1])[0] == level0(synthesizer, ASKED[:1])[0]


@pytest.mark.parametrize(
    ("options", "searching", "words"),
    [
        ({"drafts": 2}, False, ""),
        ({"max_context": 8}, True, ""),
        ({"drafts": 2}, True, "--drafts has no effect with a sampler that looks for whole answers"),
        ({"drafts": 2, "max_context": 8}, False, "--drafts has no effect with --max-context"),
    ],
)
def test_drafts_without_effect_are_told(options, searching, words):
    for made in (DraftHeads(HeadsOptions(), D), LayerSkip(LayerSkipOptions(), 3)):
        notice = made.notice(SynthesisOptions(**options), searching)
        assert notice.startswith(words)
        assert bool(notice) == bool(words)


def test_unchecked_without_drafts_is_refused():
    with pytest.raises(UserError, match="leave --unchecked out, or add --drafts 1 where the model drafts"):
        SynthesisOptions(unchecked=True)
    with pytest.raises(UserError, match=r"drafts must be in \[-1, 64\], got 65"):
        SynthesisOptions(drafts=65)
    assert SynthesisOptions(unchecked=True, drafts=1).unchecked


def test_frames_that_are_filled_at_once_have_no_drafts():
    with pytest.raises(UserError, match=r"fills all frames at once.*leave --drafts out"):
        fill_level0(replace(speaker("heads", []).components, drafts=1), [], [], [], torch.zeros(0))
