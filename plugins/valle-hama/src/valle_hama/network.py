"""hama's networks: sound → log-probabilities of phonemes per frame, and written words → phonemes."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files

import numpy as np
from jaxtyping import Float

RATE = 16_000
HOP = 320
"""Samples of a frame: 20 ms."""

SHORTEST = 400
"""Samples below which nothing is recognized: one window of the network's spectrogram."""

BLANK, BOUNDARY = "<blank>", "<wb>"

SAME = {"g": "ɡ", "r": "ɹ"}
"""Symbols of one English sound that the vocabulary has twice."""

WEIGHTS = ("asr_waveform.hama", "encoder.hama", "decoder_step.hama", "g2p_vocab.json")


class Network:
    """Both networks, loaded once; every call stands for itself."""

    def __init__(self) -> None:
        import hama

        self._hama = hama
        self._recognizer = hama.ASRModel()
        self._speller = hama.G2PModel()
        self.tokens: tuple[str, ...] = tuple(self._recognizer.decoder_tokens)
        self.blank = self.tokens.index(BLANK)
        self.boundary = self.tokens.index(BOUNDARY)

    def log_probs(self, wav: Float[np.ndarray, "N"]) -> Float[np.ndarray, "T V"]:
        """Of each token in each frame, with the corrections hama itself decodes with."""
        session, settings = self._recognizer.session, self._recognizer.decode_cfg
        names = [node.name for node in session.get_outputs()]
        feeds = {"waveform": wav[None], "waveform_lengths": np.array([len(wav)], dtype=np.int64)}
        found = dict(zip(names, session.run(names, feeds), strict=True))
        count = int(np.asarray(found["out_lengths"]).reshape(-1)[0])
        scores = np.array(found["log_probs"][0][:count], dtype=np.float32) / settings.temperature
        scores[:, self.blank] += settings.blank_bias
        return scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)

    def pronounce(self, word: str) -> tuple[str, ...]:
        """Phonemes of one written word; () where nothing of it is said. Only letters and apostrophes are read."""
        letters = "".join(letter for letter in word.lower().replace("’", "'") if letter.isalpha() or letter == "'")
        if not letters.strip("'"):
            return ()
        spelled = self._speller.predict(letters.strip("'"), split_delimiter=None)
        return tuple(SAME.get(one.phoneme, one.phoneme) for one in spelled.alignments if is_phone(one.phoneme))

    def place(self, phone: str) -> int | None:
        """The token of a phoneme."""
        name = {other: own for own, other in SAME.items()}.get(phone, phone)
        options = [token for token in (name, phone) if token in self.tokens]
        return self.tokens.index(options[0]) if options else None


def is_phone(token: str) -> bool:
    """Whether a token stands for a sound: tones, lengths, spaces and marks do not."""
    return not token.startswith("<") and any(unicodedata.category(letter)[0] == "L" for letter in token) and all(
        unicodedata.category(letter) != "Lm" for letter in token
    )  # fmt: skip


@lru_cache(maxsize=1)
def identity() -> Mapping[str, str]:
    """The package's version and the hash of its weights."""
    digest = hashlib.sha256()
    for name in WEIGHTS:
        digest.update(files("hama.assets").joinpath(name).read_bytes())
    return {"hama": version("hama"), "weights": digest.hexdigest()[:16]}
