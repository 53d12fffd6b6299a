"""The commands that valle-data announces (standard library and `valle_core.plugin` only)."""

from __future__ import annotations

from valle_core.plugin import CommandSpec

PREPARE = CommandSpec(
    name="prepare",
    api=2,
    summary="Turn recordings with transcripts into a dataset of phonemes and codes",
    run="valle_data.commands.prepare:prepare",
    schema="valle_data.commands.prepare:SCHEMA",
    progress=True,
    examples=(
        "valle prepare recordings/ --out data/",
        "valle prepare LJSpeech-1.1/ --out data/ --language en-us --storage shards",
        "valle prepare recordings/ --out data/ --codec mel-gl --device cpu",
        "valle prepare recordings/ --out data/ --rank 0 --world-size 4",
        "torchrun --nproc-per-node 2 --no-python valle prepare recordings/ --out data/ --phoneme-cache phonemes.jsonl",
        "valle prepare LibriTTS/ --out data/ --held-out-groups test-clean --language en-us",
        "valle prepare interviews.csv --out data/ --trim-silence --loudness -23",
        "valle prepare ljspeech/ --recipe ljspeech --out data/",
    ),
)
TRANSCRIBE = CommandSpec(
    name="transcribe",
    api=2,
    summary="Transcribe recordings, with word timestamps",
    run="valle_data.commands.transcribe:transcribe",
    schema="valle_data.commands.transcribe:SCHEMA",
    progress=True,
    examples=(
        "valle transcribe recordings/ --out transcripts.jsonl",
        "valle transcribe recordings/ --out transcripts.jsonl --recognizer pocketsphinx "
        "--recognizer.sentences lines.txt",
        "valle transcribe recordings/ --cut utterances/ --min-seconds 2 --max-seconds 12",
        "valle transcribe recordings/ --out timed.jsonl --align --language en-us",
    ),
)
PREPARE_NOISE = CommandSpec(
    name="prepare-noise",
    api=2,
    summary="Turn recordings of noise into codes that training mixes with speech",
    run="valle_data.commands.prepare:prepare_noise",
    schema="valle_data.commands.prepare:NOISE",
    progress=True,
    examples=(
        "valle prepare-noise noises/ --out noise/",
        "valle train --data data/ --data.noise noise/ --task my-task --out runs/robust",
    ),
)
CONVERT = CommandSpec(
    name="data convert",
    api=2,
    summary="Convert a dataset to another storage: files, shards or HDF5",
    run="valle_data.commands.convert:convert",
    schema="valle_data.commands.convert:SCHEMA",
    group="Inspect and convert datasets",
    progress=True,
    examples=(
        "valle data convert data --out packed --storage hdf5",
        "valle data convert data --out s --storage shards",
    ),
)
LIST = CommandSpec(
    name="data list",
    api=2,
    summary="List the utterances of a dataset",
    run="valle_data.commands.listing:list_utterances",
    schema="valle_data.commands.listing:SCHEMA",
    examples=("valle data list data --limit 20", "valle data list data --speaker anna --json"),
)
SAMPLE = CommandSpec(
    name="data sample",
    api=2,
    summary="Decode sample utterances and write a page to listen to them",
    run="valle_data.commands.sample:sample",
    schema="valle_data.commands.sample:SCHEMA",
    examples=("valle data sample data --out listen", "valle data sample data --out listen --number 20 --seed 1"),
)
SIMILAR = CommandSpec(
    name="data similar",
    api=2,
    summary="Index the most similar utterances, for training prompts",
    run="valle_data.commands.similar:similar",
    schema="valle_data.commands.similar:SCHEMA",
    progress=True,
    examples=("valle data similar data", "valle data similar data --by speaker --neighbours 32"),
)
STATS = CommandSpec(
    name="data stats",
    api=2,
    summary="Show hours, speakers, durations, languages and phonemes of a dataset",
    run="valle_data.commands.stats:stats",
    schema="valle_data.commands.stats:SCHEMA",
    progress=True,
    examples=("valle data stats data", "valle data stats data --out figures --json"),
)
VALIDATE = CommandSpec(
    name="data validate",
    api=2,
    summary="Validate code ranges, lengths and hashes of a dataset",
    run="valle_data.commands.validate:validate",
    schema="valle_data.commands.validate:SCHEMA",
    progress=True,
    examples=("valle data validate data", "valle data validate data --json"),
)
