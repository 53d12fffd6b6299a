"""The task: what to draw from an utterance, and how a row asks for one level of the answer."""

from __future__ import annotations

from random import Random

from jaxtyping import Int
from torch import Tensor
from valle_core.interfaces import Pool
from valle_core.plugin import UserError
from valle_core.sequence.layout import lay_out
from valle_core.types import TaskInputs, TaskSequence, Utterance

from acme_package.options import AcmeNameOptions


class AcmeNameTask:
    """Text of the whole utterance + its start → the rest.

    At synthesis the text is the prompt's transcript followed by what to say, as `continues` tells.
    """

    output = "codes"
    continues = True

    def __init__(self, options: AcmeNameOptions) -> None:
        self._options = options

    def draw(self, utterance: Utterance, pool: Pool, rng: Random, *, frame_rate: float) -> TaskInputs | None:
        """The utterance cut in two, or None where it is shorter than `min_seconds`; `rng` is the only dice."""
        share = rng.uniform(self._options.min_share, self._options.max_share)
        frames = utterance.codes.shape[0]
        if frames < max(2, self._options.min_seconds * frame_rate):
            return None
        cut = min(max(round(share * frames), 1), frames - 1)
        return TaskInputs(
            text=utterance.symbols,
            language=utterance.language,
            prompt=utterance.codes[:cut],
            response=utterance.codes[cut:],
        )

    def compose(self, inputs: TaskInputs, level: int, *, training: bool) -> TaskSequence:
        """Level 0 reads its own codes (the model shifts them), level l ≥ 1 the levels below it; the target is level l.

        At synthesis `response` is what is known so far, at first no frame.
        """
        response, sees = inputs.response, max(level, 1)
        if response.shape[0] == 0 and level == 0 and not training:
            response = response.new_zeros(0, 1)
        known = response.shape[1]
        if known < (level + 1 if training else sees):
            raise UserError(f"task 'acme-name': level {level} is asked for and the codes have {known} levels")
        target = response[:, level] if training else None
        return lay_out(inputs, level, response=response[:, :sees], target=target, continues=self.continues)

    def finish(self, inputs: TaskInputs, output: Int[Tensor, "F Q"]) -> Int[Tensor, "F Q"]:
        """The answer as it is; a task that edits would stitch it into `inputs.prompt` here."""
        return output
