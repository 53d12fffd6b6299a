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
    summary="Synthesize speech from text in the voice of a prompt",
    run="valle_cli.commands.synth:synth",
    schema="valle_cli.commands.synth:SCHEMA",
    examples=(
        'valle synth "Any English text." --voice ben --out speech.wav',
        'valle synth "Any English text." --stream | aplay',
        'valle synth "the boat sails tonight" --prompt voice.wav --model runs/first --out speech.wav',
        'valle synth "the boat sails tonight" --model runs/first --sampler top_k --sampler.k 20 --sampler sample '
        "--seed 3",
        "valle synth --model runs/tasks --task ns --input noisy.wav --out clean.wav",
        'valle synth --model runs/tasks --task cse --input speech.wav --replace "old words" "new words"',
        "valle synth --text-file lines.txt --prompt voice.wav --model runs/first --out speech.wav "
        "--spectrogram speech.png",
    ),
)
DEMO = CommandSpec(
    name="demo",
    api=2,
    summary="Run a demo: make a corpus, train, synthesize, and check the speech",
    run="valle_cli.commands.demo:demo",
    schema="valle_cli.commands.demo:SCHEMA",
    examples=("valle demo", "valle demo --out demo --minutes 4 --json"),
)
LIST = CommandSpec(
    name="list-plugins",
    api=2,
    summary="List all plugins with status, reason and hint",
    run="valle_cli.commands.list_plugins:list_plugins",
    schema="valle_cli.commands.list_plugins:SCHEMA",
    examples=(
        "valle list-plugins",
        "valle list-plugins --kind arch",
        "valle list-plugins --json | jq '.[] | select(.status != \"ok\")'",
    ),
)
INFO = CommandSpec(
    name="plugins info",
    api=2,
    summary="Show the details of a plugin",
    run="valle_cli.commands.plugins_info:info",
    schema="valle_cli.commands.plugins_info:SCHEMA",
    examples=("valle plugins info tiny", "valle plugins info valle-retnet:retnet --kind arch --json"),
    group="Manage plugins",
)
DOCTOR = CommandSpec(
    name="plugins doctor",
    api=2,
    summary="Diagnose the installed plugins",
    run="valle_cli.commands.plugins_doctor:doctor",
    examples=(
        "valle plugins doctor",
        "valle plugins doctor --json | jq '.findings[] | select(.severity == \"problem\")'",
    ),
)
INSTALL = CommandSpec(
    name="plugins install",
    api=2,
    summary="Install plugins by name, distribution, folder or wheel",
    run="valle_cli.commands.plugins_install:install",
    schema="valle_cli.commands.plugins_install:SCHEMA",
    examples=(
        "valle plugins install mamba",
        "valle plugins install ./acme-softcap acme-other==0.1.0",
        "valle plugins install --editable ./acme-softcap -- --no-deps --no-build-isolation",
    ),
)
UNINSTALL = CommandSpec(
    name="plugins uninstall",
    api=2,
    summary="Uninstall plugins, broken ones too",
    run="valle_cli.commands.plugins_uninstall:uninstall",
    schema="valle_cli.commands.plugins_uninstall:SCHEMA",
    examples=(
        "valle plugins uninstall mamba",
        "valle plugins uninstall acme-softcap:softcap --dry-run",
        "valle plugins uninstall valle-mamba valle-retnet --yes",
    ),
)
VOICES_ADD = CommandSpec(
    name="voices add",
    api=2,
    summary="Keep a recording as a voice, encoded once",
    run="valle_cli.commands.voices_add:add",
    schema="valle_cli.commands.voices_add:SCHEMA",
    examples=(
        'valle voices add me recording.wav --sounds "low, calm"',
        "valle voices add me recording.wav --model runs/first --prompt-text 'what it says' --align hama",
        "valle voices add me exported.safetensors --voices voices/ --replace",
    ),
    group="Manage voices",
)
VOICES_LIST = CommandSpec(
    name="voices list",
    api=2,
    summary="List the installed and the saved voices",
    run="valle_cli.commands.voices_list:list_voices",
    schema="valle_cli.commands.voices_list:SCHEMA",
    examples=("valle voices list", "valle voices list --voices voices/ --json"),
    group="Manage voices",
)
VOICES_REMOVE = CommandSpec(
    name="voices remove",
    api=2,
    summary="Remove saved voices",
    run="valle_cli.commands.voices_remove:remove",
    schema="valle_cli.commands.voices_remove:SCHEMA",
    examples=("valle voices remove me", "valle voices remove me you --voices voices/"),
    group="Manage voices",
)
VOICES_EXPORT = CommandSpec(
    name="voices export",
    api=2,
    summary="Write a saved voice to a file, for another machine",
    run="valle_cli.commands.voices_export:export",
    schema="valle_cli.commands.voices_export:SCHEMA",
    examples=("valle voices export me --out me.safetensors",),
    group="Manage voices",
)
