"""When the symbols of a known text are said: sounds by forced alignment, marks by the pauses between."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from jaxtyping import Float

from valle_core.plugin import UserError
from valle_hama.alphabet import sounds_of
from valle_hama.forced import forced_path
from valle_hama.network import HOP, RATE, Network
from valle_language.recognition import PlacedPhonemes

FRAME = HOP / RATE
LAG = 0.072
"""Seconds from where a sound begins to the middle of the frame that is surest of it: the mean of 59 clips of Kokoro's
training voices against their exact durations (moved by -60 ms, at which they tell most about the codes)."""

FLOOR = -12.0
"""Least log-probability of a sound in a frame: one that is said otherwise moves its neighbours no further."""

FOUND = 0.1
"""Probability from which a sound counts as found."""

QUIET = 45.0
"""dB below the loud parts of a clip at which a pause begins, where its noise is no louder."""

SHORTEST_PAUSE = 2
"""Frames."""


@dataclass(frozen=True, slots=True)
class _Peaks:
    """Where sounds are: the frame that is surest of each, and how sure."""

    frames: list[int]
    sure: Float[np.ndarray, "N"]


def placed(network: Network, wav: Float[np.ndarray, "N"], symbols: Sequence[str]) -> PlacedPhonemes:
    """The symbols of a text in a clip at 16 kHz.

    Raises:
        UserError: no symbol is a sound it knows, or the clip is too short for them.
    """
    known = frozenset(token for token in network.tokens if not token.startswith("<"))
    sounds = [sounds_of(symbol, known) for symbol in symbols]
    flat = [tokens for some in sounds for tokens in some]
    seconds = len(wav) / RATE
    if not flat:
        raise UserError(f"recognizer 'hama' knows none of the phonemes {' '.join(symbols)!r:.60}. It reads IPA")
    peaks = _peaks(network, network.log_probs(wav), flat)
    if peaks is None:
        raise UserError(f"{len(flat)} sounds do not fit into {seconds:.2f} s. Check the transcript")
    ends = [*accumulate(len(some) for some in sounds)]
    firsts = [peaks.frames[end - len(some)] if some else None for end, some in zip(ends, sounds, strict=True)]
    begins = [None if frame is None else max(0.0, (frame + 0.5) * FRAME - LAG) for frame in firsts]
    lasts = [peaks.frames[end - 1] for end in ends]
    times = _filled(symbols, begins, lasts, _Pauses(wav), seconds)
    return PlacedPhonemes(times=tuple(times), found=float((peaks.sure > FOUND).mean()))


def _peaks(network: Network, scores: Float[np.ndarray, "T V"], flat: Sequence[tuple[str, ...]]) -> _Peaks | None:
    scores = np.maximum(scores.astype(np.float64), FLOOR)
    place = {token: number for number, token in enumerate(network.tokens)}
    by_tokens = {
        tokens: np.logaddexp.reduce(scores[:, [place[token] for token in tokens]], axis=1) for tokens in set(flat)
    }
    emitted = np.stack([by_tokens[tokens] for tokens in flat], axis=1)
    none = np.logaddexp(scores[:, network.blank], scores[:, network.boundary])
    repeats = [number > 0 and flat[number - 1] == tokens for number, tokens in enumerate(flat)]
    path = forced_path(emitted, none, repeats)
    if path is None:
        return None
    frames = [start + int(emitted[start:end, number].argmax()) for number, (start, end) in enumerate(path)]
    return _Peaks(frames, np.exp(emitted[frames, range(len(flat))]))


def _filled(
    symbols: Sequence[str], begins: Sequence[float | None], peaks: Sequence[int], pauses: _Pauses, seconds: float
) -> list[float]:
    """[P + 1] where each symbol begins and the last ends, those without a sound too.

    Punctuation takes the pause behind a sound; other marks take no time; sounds that are not known share what lies
    between their neighbours.

    Args:
        symbols: of the text.
        begins: of the symbols that were placed.
        peaks: frame of the last sound of each symbol.
        pauses: of the clip.
        seconds: of the clip.
    """
    times = [0.0 if begin is None else begin for begin in begins]
    placed_ones = [number for number, begin in enumerate(begins) if begin is not None]
    for before, after in pairwise((-1, *placed_ones, len(symbols))):
        between = range(before + 1, after)
        origin, end = (times[before] if before >= 0 else 0.0), (times[after] if after < len(symbols) else seconds)
        pause = pauses.after(peaks[before], end) if before >= 0 else end
        unknown = [number for number in between if not _is_mark(symbols[number])]
        marks = [number for number in between if _is_punctuation(symbols[number])]
        for number in between:
            if unknown:
                rank = sum(other <= number for other in unknown)
                times[number] = origin + (end - origin) * rank / (len(unknown) + 1)
            else:
                times[number] = pause if marks and number <= marks[-1] else end
        if after == len(symbols):
            times.append(seconds if marks else pause)
    return [float(one) for one in np.minimum(np.maximum.accumulate(times), seconds)]


class _Pauses:
    """The quiet frames of a clip: far below its loud parts, and near its quietest."""

    def __init__(self, wav: Float[np.ndarray, "N"]) -> None:
        frames = wav[: len(wav) // HOP * HOP].reshape(-1, HOP).astype(np.float64)
        power = 10 * np.log10((frames**2).mean(1) + 1e-10)
        low, high = np.percentile(power, (0, 95)) if len(power) else (0.0, 0.0)
        self._quiet = power < min(max(high - QUIET, low + 6), high - 25)

    def after(self, frame: int, end: float) -> float:
        """Where the first pause behind a frame begins; `end` where there is none before it."""
        run = 0
        for place in range(frame + 1, min(len(self._quiet), round(end / FRAME))):
            run = run + 1 if self._quiet[place] else 0
            if run == SHORTEST_PAUSE:
                return (place + 1 - run) * FRAME
        return end


def _is_punctuation(symbol: str) -> bool:
    """Whether a pause belongs to it."""
    return all(unicodedata.category(letter)[0] == "P" for letter in symbol) and symbol not in ("'", "’", "-")


def _is_mark(symbol: str) -> bool:
    """Whether nobody says it: punctuation, spaces, stress, length, tones."""
    kinds = [unicodedata.category(letter) for letter in symbol]
    return all(kind[0] in "PZSCMN" or kind == "Lm" for kind in kinds)
