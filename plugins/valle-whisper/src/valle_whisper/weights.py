"""Where a Whisper comes from: a folder, the Hub, or chance."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration, WhisperTokenizer

from valle_core.plugin import UserError
from valle_core.reading.json_text import read_json
from valle_kit.codes.pretrained import Fetch, Published, fetch_from_hub, find_published, load_strictly, read_folder
from valle_whisper.options import WhisperOptions
from valle_whisper.parts import Parts, Sound

FILES = (
    "model.safetensors",
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
"""Of a repository on the Hub; the last may be missing in a folder, and so may the third."""


def load(options: WhisperOptions, fetch: Fetch = fetch_from_hub) -> Parts:
    """The parts from `options.weights`, or from the Hub's cache or the Hub where it is empty.

    Raises:
        UserError: nothing there, damaged, or no Whisper.
    """
    if options.weights == "random":
        from valle_whisper.untrained import random_parts

        return random_parts(options.seed)
    if options.weights:
        folder = Path(options.weights).expanduser()
    else:
        folder = find_published(
            Published(
                codec="whisper",
                repository=options.model,
                files=FILES,
                flag="--recognizer.weights",
                kind="recognizer",
            ),
            fetch,
        )
    return read(folder)


def read(folder: Path) -> Parts:
    """The parts in a folder as transformers saves them.

    Raises:
        UserError: a file is missing, damaged or does not fit the others.
    """
    if not folder.is_dir():
        raise UserError(f"no folder '{folder}'. Give one with {', '.join(FILES)}")
    tensors, facts = read_folder(folder, ("model.safetensors", "pytorch_model.bin"))
    if facts.get("model_type") != "whisper":
        raise UserError(f"'{folder}' holds a model of type {facts.get('model_type')!r}, not 'whisper'. Give a Whisper")
    config = WhisperConfig.from_dict(facts)
    sound = _sound(_json(folder / "preprocessor_config.json"))
    if (sound.bands, sound.frames) != (config.num_mel_bins, 2 * config.max_source_positions):
        raise UserError(
            f"'{folder}' mixes models: preprocessor_config.json makes {sound.bands} bands x {sound.frames} frames, "
            f"config.json takes {config.num_mel_bins} x {2 * config.max_source_positions}. Fetch both anew"
        )
    path = folder / "generation_config.json"
    with torch.random.fork_rng(devices=[]):  # what is drawn here is overwritten
        model = WhisperForConditionalGeneration(config)
    load_strictly(model, tensors, str(folder), lambda name: name == "proj_out.weight")  # it is the embedding
    return Parts(
        model=model.eval().requires_grad_(False),
        tokenizer=_tokenizer(folder),
        generation=GenerationConfig.from_dict(_json(path)) if path.is_file() else GenerationConfig(),
        sound=sound,
    )


def with_visible_attention(model: WhisperForConditionalGeneration) -> WhisperForConditionalGeneration:
    """The same network, whose cross-attention also tells its weights; the rest keeps the fast kernels."""
    config = copy.deepcopy(model.config)
    config._attn_implementation = "eager"
    for layer in model.model.decoder.layers:
        layer.encoder_attn.config = config  # pyright: ignore
    return model


def _tokenizer(folder: Path) -> WhisperTokenizer:
    if not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.json")):
        raise UserError(f"'{folder}' has no tokenizer.json. Fetch it beside the weights")
    try:
        return WhisperTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the tokenizers package raises plain exceptions
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
        raise UserError(f"the tokenizer in '{folder}' cannot be read ({reason}). Fetch its files again") from error


def _sound(facts: dict[str, Any]) -> Sound:
    usual = Sound()
    try:
        return Sound(
            sample_rate=int(facts.get("sampling_rate", usual.sample_rate)),
            fft_size=int(facts.get("n_fft", usual.fft_size)),
            hop=int(facts.get("hop_length", usual.hop)),
            bands=int(facts.get("feature_size", usual.bands)),
            seconds=int(facts.get("chunk_length", usual.seconds)),
        )
    except (TypeError, ValueError) as error:
        raise UserError(f"preprocessor_config.json is damaged ({error}). Fetch it again") from error


def _json(path: Path) -> dict[str, Any]:
    try:
        read = read_json(path)
    except (OSError, ValueError) as error:
        raise UserError(f"'{path}' is missing or damaged. Fetch it beside the weights") from error
    if not isinstance(read, dict):
        raise UserError(f"'{path}' is not a configuration. Fetch it again")
    return read
