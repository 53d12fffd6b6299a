"""A Whisper of any size without published files: tokenizer, network and generation settings made in code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from tokenizers import AddedToken
from tokenizers.pre_tokenizers import ByteLevel
from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration, WhisperTokenizer
from transformers.models.whisper.tokenization_whisper import LANGUAGES

from valle_whisper.parts import Parts, Sound, token_id

POSITIONS_PER_SECOND = 50
"""Encoder states, and steps between two timestamp tokens."""

SIZES = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_target_positions": 64,
}
"""Of the network that `weights=random` gives."""

_SPACE = "Ġ"  # the byte-level alphabet's letter for a space


def make_tokenizer(
    words: Sequence[str] = (), *, languages: Sequence[str] = tuple(LANGUAGES), seconds: int = 30
) -> WhisperTokenizer:
    """The 256 bytes, one token for each of `words` after a space, and Whisper's special tokens in its order."""
    vocabulary = {letter: place for place, letter in enumerate(sorted(ByteLevel.alphabet()))}
    merges: list[tuple[str, str]] = []
    for word in words:
        left = _SPACE
        for letter in ByteLevel(add_prefix_space=False).pre_tokenize_str(word)[0][0]:
            if left + letter not in vocabulary:
                merges.append((left, letter))
                vocabulary[left + letter] = len(vocabulary)
            left += letter
    return with_marks(WhisperTokenizer(vocab=vocabulary, merges=merges), languages=languages, seconds=seconds)


def with_marks(tokenizer: WhisperTokenizer, *, languages: Sequence[str], seconds: int) -> WhisperTokenizer:
    """The same tokenizer with Whisper's special tokens and timestamps behind its vocabulary."""
    special = ["startoftranscript", *languages, "translate", "transcribe", "startoflm", "startofprev", "nospeech"]
    marks = [AddedToken(f"<|{name}|>", special=True) for name in [*special, "notimestamps"]]
    steps = seconds * POSITIONS_PER_SECOND
    marks += [AddedToken(f"<|{step / POSITIONS_PER_SECOND:.2f}|>") for step in range(steps + 1)]
    tokenizer.add_tokens(marks)  # pyright: ignore
    tokenizer.set_prefix_tokens()
    return tokenizer


def make_config(tokenizer: WhisperTokenizer, *, seconds: int = 30, **sizes: Any) -> WhisperConfig:
    """Of a network for a tokenizer and a window of so many seconds; `sizes` as in `SIZES`."""
    end = token_id(tokenizer, "<|endoftext|>")
    return WhisperConfig(
        vocab_size=len(tokenizer),
        max_source_positions=seconds * POSITIONS_PER_SECOND,
        decoder_start_token_id=token_id(tokenizer, "<|startoftranscript|>"),
        pad_token_id=end,
        bos_token_id=end,
        eos_token_id=end,
        **{**SIZES, **sizes},
    )


def make_generation(
    tokenizer: WhisperTokenizer, config: WhisperConfig, *, suppressed: Sequence[int] = ()
) -> GenerationConfig:
    """Settings as published checkpoints have them; every head of the last layer takes part in alignment."""

    def token(name: str) -> int:
        return token_id(tokenizer, f"<|{name}|>")

    return GenerationConfig(
        max_length=config.max_target_positions,
        decoder_start_token_id=config.decoder_start_token_id,
        pad_token_id=config.pad_token_id,
        bos_token_id=config.bos_token_id,
        eos_token_id=config.eos_token_id,
        is_multilingual=True,
        lang_to_id={f"<|{code}|>": token(code) for code in LANGUAGES if token(code) != config.eos_token_id},
        task_to_id={task: token(task) for task in ("transcribe", "translate")},
        no_timestamps_token_id=token("notimestamps"),
        max_initial_timestamp_index=POSITIONS_PER_SECOND,
        alignment_heads=[[config.decoder_layers - 1, head] for head in range(config.decoder_attention_heads)],
        suppress_tokens=sorted(
            {*suppressed, *(token(name) for name in ("startoftranscript", "translate", "transcribe", "startoflm",
                                                     "startofprev", "nospeech"))}
        ),
        begin_suppress_tokens=[token_id(tokenizer, _SPACE), config.eos_token_id],
    )  # fmt: skip


def random_parts(seed: int) -> Parts:
    """A network of some ten thousand weights that writes letters and spaces; equal for equal seeds."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    tokenizer = make_tokenizer(letters)
    config = make_config(tokenizer)
    written = {token_id(tokenizer, piece) for letter in letters for piece in (letter, _SPACE + letter)}
    end = token_id(tokenizer, "<|endoftext|>")
    first, last = (token_id(tokenizer, f"<|{name}|>") for name in ("startoftranscript", "notimestamps"))
    others = [*(code for code in range(end) if code not in written), *range(first, last)]
    generation = make_generation(tokenizer, config, suppressed=others)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed + 4)  # so that the default writes several words
        model = WhisperForConditionalGeneration(config)
        for name, weight in model.named_parameters():
            if weight.ndim > 1 and "embed_positions" not in name:
                weight.normal_(std=weight[0].numel() ** -0.5)  # wide enough that sound makes a difference
        model.model.encoder.conv2.weight.mul_(6)  # louder than the positions
        decoder = model.model.decoder
        decoder.embed_positions.weight.normal_(std=1.0)  # else it writes one letter for ever
        decoder.embed_tokens.weight[sorted(written)] *= 4.0  # else one of 1501 timestamps is always likelier
        layers: Any = decoder.layers
        for layer in layers:
            layer.encoder_attn.q_proj.weight.mul_(8)  # sharp attention, as a trained one has
            layer.encoder_attn.out_proj.weight.mul_(8)
    return Parts(
        model=model.eval().requires_grad_(False),
        tokenizer=tokenizer,
        generation=generation,
        sound=Sound(),
    )
