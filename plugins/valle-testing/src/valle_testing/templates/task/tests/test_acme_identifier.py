"""The suite of tasks, and where utterances are cut."""

from __future__ import annotations

from random import Random

import pytest
import torch
from valle_core.plugin import UserError
from valle_testing import suite
from valle_testing.suites.task.pool import RATE, CorpusPool

from acme_package.options import AcmeNameOptions
from acme_package.plugin import SPEC
from acme_package.task import AcmeNameTask

test_it_conforms = suite.conformance("task", lambda: AcmeNameTask(AcmeNameOptions()), spec=SPEC)


def test_prompt_and_answer_are_the_utterance_cut_within_the_shares():
    task = AcmeNameTask(AcmeNameOptions(min_share=0.25, max_share=0.5))
    pool = CorpusPool()
    utterance = pool.utterances()[0]
    for seed in range(20):
        inputs = task.draw(utterance, pool, Random(seed), frame_rate=RATE)
        assert torch.equal(torch.cat([inputs.prompt, inputs.response]), utterance.codes)
        assert 0.24 < len(inputs.prompt) / len(utterance.codes) < 0.51


def test_shares_that_leave_no_answer_are_refused():
    with pytest.raises(UserError, match=r"task.max_share must be in \(0, 1\) and in order, got 0.1 and 1.0"):
        AcmeNameOptions(max_share=1.0)
