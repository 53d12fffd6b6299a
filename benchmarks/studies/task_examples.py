"""One example of each task to listen to or to read: what a model of `tasks.py` is asked, and what it answers.

    python benchmarks/studies/task_examples.py RUN --noise noise-held --out docs/audio/tasks

Nothing is chosen: the first held-out utterance whose words were never trained on (`--place` takes another), mixed with
noise that was never trained with, is answered once with random seed 0. Sound is level 0 alone, which is all that these
models answer, so it is compared with the right answer at level 0, and both are small Ogg files; written answers are
printed as a Markdown table.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import soundfile
import torch
from box_table import table
from jaxtyping import Integer
from task_inputs import HeldOut, _request, _wanted
from tasks import WRITTEN
from torch import Tensor

from valle_core.api import SYNTHESIS_SCHEMA, TRAIN_SCHEMA, Observers, Registry, load_model, open_synthesizer, resolve
from valle_core.synthesis.request import Request
from valle_core.synthesis.sampling.randomness import row_seeds
from valle_core.synthesis.synthesizer import Synthesizer
from valle_core.types import TaskInputs
from valle_kit.written_answers import write
from valle_language.phonemic import symbols_of

SAMPLERS = [
    ("sampler", "temperature"),
    ("sampler.t", "0.6"),
    ("sampler", "top_p"),
    ("sampler.p", "0.9"),
    ("sampler", "sample"),
]


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="run of tasks.py")
    parser.add_argument("--noise", type=Path, required=True, help="noise set that it was not trained with")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--place", type=int, default=0, help="which of the held-out utterances")
    parser.add_argument("--task", nargs="+", help="only these")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    registry = Registry.open()
    resolved = resolve(TRAIN_SCHEMA, registry, yaml_file=given.run / "config.yaml")
    model = load_model(given.run, registry, device=torch.device("cpu")).model
    held = HeldOut(resolved, model.rules, given.noise, registry)
    held.ids = held.ids[given.place : given.place + 1]
    lines = []
    for name in given.task or list(held.tasks):
        flags = [("model", str(given.run)), ("task", name), ("device", "cpu")]
        flags += [("sampler", "greedy")] if name in WRITTEN else SAMPLERS
        asked = resolve(SYNTHESIS_SCHEMA, registry, flags=flags)
        with patch("valle_core.synthesis.open._check_halves"):  # level 0 alone is asked for
            ready = open_synthesizer(asked, registry, Observers(), read_text=symbols_of)
        ((utterance, inputs),) = held.inputs(name)
        if name in WRITTEN:
            symbols = held.train.symbols.symbols
            (said,) = write(ready, [_request(name, utterance, inputs, symbols)])
            seconds = len(utterance.codes) / held.rate
            right = f"{seconds:.2f} s" if name == "len" else _wanted(name, utterance, symbols)
            lines.append([f"`{name}`", right, f"{said.seconds:.2f} s" if name == "len" else said.text])
        else:
            heard(name, ready, inputs, given.out)
    print(table(["task", "right", "answer"], lines))


def heard(name: str, ready: Synthesizer, inputs: TaskInputs, out: Path) -> None:
    """What the task reads, the right answer and the model's, as files."""
    components, codec = ready.components, ready.components.codec
    asked = replace(inputs, response=inputs.response[:0])
    found, *_ = ready.level0([asked], row_seeds(0, [0], device="cpu"), [Request(text="")])
    answer = components.task.finish(asked, found.tokens[0][:, None])
    right = components.task.finish(asked, inputs.response[:, :1])
    read = inputs.source if inputs.source is not None else inputs.prompt
    for what, codes in (("asked", read), ("right", right), ("answer", answer)):
        save(codec, codes, out / f"{name}-{what}.ogg")


def save(codec: object, codes: Integer[Tensor, "F Q"], path: Path) -> None:
    """As sound, in an Ogg file."""
    with torch.inference_mode():
        wav, _ = codec.decode(codes[None], torch.tensor([len(codes)]))  # type: ignore[attr-defined]
    soundfile.write(path, wav[0].numpy(), codec.sample_rate, format="OGG", subtype="OPUS")  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
