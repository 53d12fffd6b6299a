"""A sampler of your own in nine lines: `python examples/custom_sampler.py [MODEL [PROMPT.wav]]`."""

import sys
from dataclasses import dataclass

from torch import Tensor
from valle_samplers import Sample, TopK

import valle
from valle_core.interfaces import SamplerView


@dataclass(frozen=True)
class Cooling:
    """Begins bold and grows calm: the temperature falls from `first` to `last`, by half every `frames` tokens."""

    first: float = 1.2
    last: float = 0.7
    frames: int = 50

    def process(self, logits: Tensor, view: SamplerView) -> Tensor:  # [B, V]
        left = 0.5 ** (view.lengths[:, None] / self.frames)  # [B, 1]
        return logits / (self.last + (self.first - self.last) * left).to(logits)


model, prompt = (*sys.argv[1:], None, None)[:2]
voice = valle.load(model)
for name, sampler in {
    "usual": None,
    "cooling": [Cooling(), TopK(k=50), Sample()],
    "by name": [{"name": "temperature", "t": 0.7}, {"name": "top_p", "p": 0.9}, "sample"],
}.items():
    speech = voice.speak("the boat sails tonight", prompt=prompt, sampler=sampler, seed=1, max_seconds=4)
    print(f"{name}: {speech.seconds:.2f} s in {speech.save(f'{name}.wav')}")
