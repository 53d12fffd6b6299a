"""The commands of the distribution `valle` itself (standard library and `valle_core.plugin` only)."""

from __future__ import annotations

from valle_core.plugin import CommandSpec

TRAIN = CommandSpec(
    name="train",
    api=2,
    summary="Train a codec language model on a prepared dataset",
    run="valle_cli.commands.train:train",
    schema="valle_core.training.config:TRAIN_SCHEMA",
    progress=True,
    examples=(
        "valle train --data data/ --out runs/first",
        "valle train --arch llama --arch.d-model 512 --steps 20000 --data data/ --out runs/big",
        "valle train --config runs/first/config.yaml --resume",
        "valle train --config runs/first/config.yaml --init-from runs/first --data more/ --out runs/second",
    ),
)
SYNTH = CommandSpec(
    name="synth",
    api=2,
    summary="Speak a text in the voice of a prompt",
    run="valle_cli.commands.synth:synth",
    schema="valle_cli.commands.synth:SCHEMA",
    examples=(
        'valle synth "the boat sails tonight" --prompt voice.wav --model runs/first --out speech.wav',
        'valle synth "the boat sails tonight" --model runs/first --sampler top_k --sampler.k 20 --sampler sample '
        "--seed 3",
        "valle synth --text-file lines.txt --prompt voice.wav --model runs/first --out speech.wav "
        "--spectrogram speech.png",
    ),
)
STARTUP = CommandSpec(
    name="bench startup",
    api=2,
    summary="Measure how fast `--help` and `list-plugins` answer",
    run="valle_cli.commands.bench_startup:startup",
    schema="valle_cli.commands.bench_startup:SCHEMA",
    examples=("valle bench startup", "valle bench startup --runs 30 --json"),
)
