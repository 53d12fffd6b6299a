"""Recognizer whisper beside openai-whisper: spectrogram, warping, and a randomly filled model with equal weights."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch import Tensor
from whisper import audio

REFERENCE = "openai-whisper"
CPU = torch.device("cpu")
SAID = [440, 7, 2271, 1000, 1001, 393, 11, 264, 1002]

NAMES = (
    (r"^model\.", ""),
    (r"\.layers\.", ".blocks."),
    ("self_attn_layer_norm", "attn_ln"),
    ("encoder_attn_layer_norm", "cross_attn_ln"),
    ("final_layer_norm", "mlp_ln"),
    ("self_attn", "attn"),
    ("encoder_attn", "cross_attn"),
    ("q_proj", "query"),
    ("k_proj", "key"),
    ("v_proj", "value"),
    ("out_proj", "out"),
    ("fc1", "mlp.0"),
    ("fc2", "mlp.2"),
    ("encoder.layer_norm", "encoder.ln_post"),
    ("decoder.layer_norm", "decoder.ln"),
    ("embed_tokens", "token_embedding"),
    (r"encoder\.embed_positions\.weight", "encoder.positional_embedding"),
    (r"decoder\.embed_positions\.weight", "decoder.positional_embedding"),
)
"""transformers' names → openai's."""


def their_name(name: str) -> str:
    for ours, theirs in NAMES:
        name = re.sub(ours, theirs, name)
    return name


def sound(seconds: float) -> Tensor:
    time = torch.arange(round(seconds * 16000)) / 16000
    noise = torch.randn(len(time), generator=torch.Generator().manual_seed(1))
    return 0.2 * (2 * torch.pi * 150 * time * (1 + 0.1 * time)).sin() * (3 * time).sin().abs() + 0.01 * noise


@pytest.mark.parametrize("bands", [80, 128])
def test_the_spectrogram(bands, parity):
    from valle_whisper.features import log_mel, mel_filters
    from valle_whisper.parts import Sound

    wav, facts = sound(3.3), Sound(bands=bands)
    wanted = audio.log_mel_spectrogram(audio.pad_or_trim(wav), n_mels=bands)
    parity(
        REFERENCE, f"log-mel spectrogram, {bands} bands", log_mel(wav, facts, mel_filters(facts)), wanted, within=2e-5
    )


def test_the_warping_and_the_median(parity):
    from valle_whisper.alignment import dynamic_time_warping, median_filter
    from whisper.timing import dtw_cpu
    from whisper.timing import median_filter as their_median

    rng = np.random.default_rng(2)
    for shape in ((9, 160), (40, 25)):
        cost = rng.normal(size=shape)
        ours, theirs = np.stack(dynamic_time_warping(cost)), np.stack(dtw_cpu(cost))
        parity(
            REFERENCE,
            f"path of dynamic time warping, {shape}",
            torch.from_numpy(ours),
            torch.from_numpy(theirs),
            within=0,
        )
    weights = torch.randn(4, 9, 50)
    parity(REFERENCE, "median of seven frames", median_filter(weights), their_median(weights, 7), within=0)


@pytest.fixture(scope="module")
def pair():
    """Our decoder, openai's model and openai's tokenizer: one set of random weights, the published vocabulary."""
    from transformers import WhisperForConditionalGeneration, WhisperTokenizer
    from transformers.models.whisper.tokenization_whisper import LANGUAGES
    from valle_whisper.decoding import Decoder
    from valle_whisper.parts import Parts, Sound
    from valle_whisper.untrained import make_config, make_generation, with_marks
    from valle_whisper.weights import with_visible_attention
    from valle_whisper.words import _alphabet
    from whisper.decoding import DecodingOptions, DecodingTask
    from whisper.model import ModelDimensions, Whisper
    from whisper.tokenizer import get_tokenizer

    theirs = get_tokenizer(True, num_languages=99, language="en", task="transcribe")
    letters = _alphabet()
    vocabulary = {
        "".join(letters[byte] for byte in piece): rank for piece, rank in theirs.encoding._mergeable_ranks.items()
    }
    ours = with_marks(
        WhisperTokenizer(vocab=vocabulary, merges=[]),
        languages=[code for code in LANGUAGES if code != "yue"],
        seconds=30,
    )
    sizes = {"d_model": 48, "encoder_ffn_dim": 192, "decoder_ffn_dim": 192}
    config = make_config(ours, encoder_attention_heads=3, decoder_attention_heads=3, **sizes)
    torch.manual_seed(4)
    model = WhisperForConditionalGeneration(config).eval().requires_grad_(False)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1 and "encoder.embed_positions" not in name:
                weight.normal_(std=0.7 * weight[0].numel() ** -0.5)
        for layer in model.model.decoder.layers:
            layer.encoder_attn.q_proj.weight.mul_(8)
            layer.encoder_attn.out_proj.weight.mul_(4)
    other = Whisper(
        ModelDimensions(
            n_mels=80, n_audio_ctx=1500, n_audio_state=48, n_audio_head=3, n_audio_layer=2,
            n_vocab=config.vocab_size, n_text_ctx=config.max_target_positions, n_text_state=48, n_text_head=3,
            n_text_layer=2,
        )
    ).eval()  # fmt: skip
    other.load_state_dict(
        {their_name(name): weight for name, weight in model.state_dict().items() if name != "proj_out.weight"}
    )
    suppressed = DecodingTask(other, DecodingOptions(language="en", fp16=False))._get_suppress_tokens()
    generation = make_generation(ours, config)
    generation.suppress_tokens = list(suppressed)
    generation.begin_suppress_tokens = [*theirs.encode(" "), theirs.eot]
    generation.alignment_heads = other.alignment_heads.indices().T.tolist()
    parts = Parts(model=with_visible_attention(model), tokenizer=ours, generation=generation, sound=Sound())
    return Decoder(parts, beams=1), other, theirs


def test_special_tokens_are_theirs(pair, parity):
    decoder, _, theirs = pair
    ours = [
        decoder.start,
        decoder.end,
        decoder.transcribe,
        decoder.no_timestamps,
        decoder.no_speech,
        decoder.timestamps,
    ]
    wanted = [
        *(theirs.sot, theirs.eot, theirs.transcribe, theirs.no_timestamps, theirs.no_speech, theirs.timestamp_begin)
    ]
    parity(
        REFERENCE,
        "special tokens and languages",
        torch.tensor([*ours, *(decoder.languages[code] for code in theirs.all_language_codes)]),
        torch.tensor([*wanted, *theirs.all_language_tokens]),
        within=0,
    )


def test_greedy_decoding_language_and_silence(pair, parity):
    from whisper.decoding import DecodingOptions, decode, detect_language

    decoder, other, _ = pair
    mel = audio.log_mel_spectrogram(audio.pad_or_trim(sound(4)))
    with torch.inference_mode():
        states = decoder.encode(mel[None])
        parity(REFERENCE, "encoder states", states, other.encoder(mel[None]), within=2e-5)
        ours = decoder.decode(states, ["fr"])[0]
        (silent,), (code,) = decoder.detect(states)
    wanted = decode(other, mel, DecodingOptions(language="fr", fp16=False))
    assert len(wanted.tokens) > 5
    parity(
        REFERENCE,
        "tokens and timestamps of greedy decoding",
        torch.tensor(ours.tokens),
        torch.tensor(wanted.tokens),
        within=0,
    )
    ended = len(ours.tokens) < decoder.room // 2  # theirs counts an end that was never reached
    mean = ours.logprob * (1 if ended else len(ours.tokens) / (len(ours.tokens) + 1))
    parity(REFERENCE, "mean log-probability", torch.tensor(mean), torch.tensor(wanted.avg_logprob), within=1e-4)
    parity(
        REFERENCE, "probability of no speech", torch.tensor(silent), torch.tensor(wanted.no_speech_prob), within=1e-6
    )
    probabilities = detect_language(other, mel)[1]
    assert code == max(probabilities, key=probabilities.get)


@pytest.mark.parametrize("seconds", [1.3, 6.0, 30.0])
def test_alignment_of_known_tokens(pair, parity, seconds):
    from valle_whisper.alignment import attend, token_frames
    from whisper.timing import find_alignment

    decoder, other, theirs = pair
    mel = audio.log_mel_spectrogram(audio.pad_or_trim(sound(seconds)))
    frames = round(seconds * 100)
    wanted = find_alignment(other, theirs, SAID, mel, frames)
    prompt = decoder.prompt("en")
    with torch.inference_mode():
        states = decoder.encode(mel[None])
        _, weights = attend(decoder.model, states, [*prompt, decoder.no_timestamps, *SAID, decoder.end], decoder.heads)
        kept = weights[..., : frames // 2]
        starts = token_frames(kept / kept.sum(-1, keepdim=True), skip=len(prompt)) * 0.02
    places, at = [], 0
    for word in wanted:
        places.append((starts[at], starts[at + len(word.tokens)] if at + len(word.tokens) < len(starts) else None))
        at += len(word.tokens)
    ours = torch.tensor([start for start, _ in places])
    parity(
        REFERENCE,
        f"starts of words in {seconds} s",
        ours,
        torch.tensor([word.start for word in wanted]).to(ours),
        within=1e-6,
    )
