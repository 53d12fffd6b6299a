"""Windows of sound → tokens: language, probability of speech, greedy or beam search under Whisper's timestamp rules."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessorList
from transformers.generation import GenerationMixin
from transformers.generation.logits_process import (
    SuppressTokensAtBeginLogitsProcessor,
    SuppressTokensLogitsProcessor,
    WhisperTimeStampLogitsProcessor,
)
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.whisper.tokenization_whisper import LANGUAGES

from valle_whisper.parts import Parts, token_id

FALLBACK = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Temperatures of further tries (arXiv 2212.04356 §4.5)."""

MULTILINGUAL_SIZE = 51865
"""Entries from which on a vocabulary is multilingual where the settings do not say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a window was decoded to.

    Attributes:
        tokens: text and timestamps, without the prompt and the end.
        logprob: mean log-probability per token, the end included.
    """

    tokens: tuple[int, ...]
    logprob: float


def compression_ratio(text: str) -> float:
    """How many times smaller zlib makes a text: above about 2.4, it repeats itself."""
    data = text.encode()
    return len(data) / len(zlib.compress(data))


class Decoder:
    """A network with its special tokens."""

    def __init__(self, parts: Parts, *, beams: int) -> None:
        self.model, self.beams = parts.model, beams
        settings, tokenizer = parts.generation, parts.tokenizer

        def token(name: str) -> int:
            return token_id(tokenizer, f"<|{name}|>")

        self.start, self.end, self.transcribe = token("startoftranscript"), token("endoftext"), token("transcribe")
        self.no_timestamps = token("notimestamps")
        self.no_speech = self.no_timestamps - 1  # named nospeech or nocaptions
        multilingual = getattr(settings, "is_multilingual", None)
        if multilingual is None:
            multilingual = parts.model.config.vocab_size >= MULTILINGUAL_SIZE
        self.languages: dict[str, int] = (
            {code: token(code) for code in LANGUAGES if token(code) != self.end} if multilingual else {}
        )
        half = range(parts.model.config.decoder_layers // 2, parts.model.config.decoder_layers)
        every = [(layer, head) for layer in half for head in range(parts.model.config.decoder_attention_heads)]
        named = getattr(settings, "alignment_heads", None) or every  # as openai/whisper where none are named
        self.heads: list[tuple[int, int]] = [(layer, head) for layer, head in named]
        self.room: int = parts.model.config.max_target_positions
        self._suppressed = list(getattr(settings, "suppress_tokens", None) or [])
        self._suppressed_first = list(getattr(settings, "begin_suppress_tokens", None) or [])
        self._settings = GenerationConfig(
            max_new_tokens=self.room // 2,
            do_sample=False,
            num_beams=beams,
            decoder_start_token_id=self.start,
            bos_token_id=self.end,
            eos_token_id=self.end,
            pad_token_id=self.end,
            return_dict_in_generate=True,
            output_scores=True,
        )
        self._settings.no_timestamps_token_id = self.no_timestamps  # pyright: ignore
        self._settings.max_initial_timestamp_index = getattr(settings, "max_initial_timestamp_index", 50)  # pyright: ignore
        self.model.generation_config = self._settings

    @property
    def timestamps(self) -> int:
        """The token of 0 s; each further one is 0.02 s later."""
        return self.no_timestamps + 1

    def prompt(self, code: str) -> list[int]:
        """What precedes the text: a start, and for a multilingual model the language and the task."""
        return [self.start, self.languages[code], self.transcribe] if self.languages else [self.start]

    def encode(self, mels: Float[Tensor, "B M T"]) -> Float[Tensor, "B S D"]:
        """States of windows."""
        parameter = self.model.proj_out.weight
        return self.model.model.encoder(mels.to(parameter.device, parameter.dtype)).last_hidden_state

    def detect(self, states: Float[Tensor, "B S D"]) -> tuple[list[float], list[str]]:
        """Probability that there is no speech, and the likeliest language, of each window."""
        ids = torch.full((len(states), 1), self.start, device=states.device)
        hidden = self.model.model.decoder(input_ids=ids, encoder_hidden_states=states, use_cache=False)
        logits = self.model.proj_out(hidden.last_hidden_state)[:, 0].float()  # [B, V]
        silent = logits.softmax(-1)[:, self.no_speech].tolist()
        if not self.languages:
            return silent, ["en"] * len(states)
        codes = list(self.languages)
        places = logits[:, list(self.languages.values())].argmax(-1).tolist()
        return silent, [codes[place] for place in places]

    def decode(
        self, states: Float[Tensor, "B S D"], codes: Sequence[str], *, temperature: float = 0.0, seed: int = 0
    ) -> list[Outcome]:
        """Text with timestamps of each window; above temperature 0 drawn, equal for equal seeds."""
        prompts = torch.tensor([self.prompt(code) for code in codes], device=states.device)
        begin = prompts.shape[1]
        rules = LogitsProcessorList([WhisperTimeStampLogitsProcessor(self._settings, begin_index=begin)])
        if self._suppressed:
            rules.insert(0, SuppressTokensLogitsProcessor(self._suppressed, device=str(states.device)))
        if self._suppressed_first:
            rules.insert(
                0, SuppressTokensAtBeginLogitsProcessor(self._suppressed_first, begin, device=str(states.device))
            )
        settings = copy.deepcopy(self._settings)
        if temperature:
            settings.update(do_sample=True, temperature=temperature, num_beams=1)
        devices = [states.device] if states.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices, enabled=bool(temperature)):
            if temperature:
                torch.manual_seed(seed)
            found = GenerationMixin.generate(  # pyright: ignore
                self.model,
                None,
                decoder_input_ids=prompts,
                encoder_outputs=BaseModelOutput(last_hidden_state=states),  # pyright: ignore
                generation_config=settings,
                logits_processor=rules,
            )
        chances = self.model.compute_transition_scores(  # pyright: ignore
            found.sequences,  # pyright: ignore
            found.scores,  # pyright: ignore
            getattr(found, "beam_indices", None),
            normalize_logits=True,
        )
        rows = found.sequences[:, begin:].tolist()  # pyright: ignore
        return [self._outcome(row, chance.tolist()) for row, chance in zip(rows, chances, strict=True)]

    def _outcome(self, tokens: list[int], chances: list[float]) -> Outcome:
        length = tokens.index(self.end) if self.end in tokens else len(tokens)
        counted = chances[: length + 1]
        return Outcome(tokens=tuple(tokens[:length]), logprob=sum(counted) / max(len(counted), 1))


def pad_frames(mel: Float[Tensor, "M t"], frames: int) -> Float[Tensor, "M T"]:
    """The rest of a spectrogram as a window of its own, zeros after it, as Whisper's own code does."""
    return torch.nn.functional.pad(mel[:, :frames], (0, max(frames - mel.shape[1], 0)))
