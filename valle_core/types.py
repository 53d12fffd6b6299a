"""The data that passes between layers, where tasks find more of it, and the legend of the letters used for shapes.

B batch rows · T sequence positions · D model width · H query heads · Hk key/value heads · Dh head width ·
F codec frames · Q codebook levels (level 0 is the first codebook) · V codes per level · N audio samples ·
S segments of a packed sequence · C condition width
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal, Protocol, Self, runtime_checkable

import numpy as np
from jaxtyping import Float, Int, Integer
from torch import Tensor


@dataclass(frozen=True, slots=True)
class HostNumbers:
    """What was in a mask's tensors before they went to a device, so that no kernel waits for it to read them.

    Attributes:
        known: each tensor and its numbers; any other tensor is read.
    """

    known: tuple[tuple[Tensor, Sequence[int]], ...] = ()

    def of(self, x: Int[Tensor, "n"]) -> Sequence[int]:
        """What is in x. Masks are never written to."""
        return next((numbers for tensor, numbers in self.known if tensor is x), None) or x.tolist()


@dataclass(frozen=True, kw_only=True, slots=True)
class SequenceMask:
    """Who sees whom, in a batch of right-padded rows.

    With p = query_start[b] + i the position of query i in row b, it sees key j iff
    j < lengths[b] and (j < prefix[b] or (j ≤ p and (window is None or p − j < window))).
    `prefix = 0` is causal, `prefix = lengths` is full, between them lies prefix-LM. Queries at or past
    `lengths` give zeros.

    Attributes:
        lengths: number of valid keys of each row (keys already cached included).
        prefix: keys that every query of the row sees, 0 ≤ prefix ≤ lengths.
        query_start: position of the first query; 0 without a cache, else the row's cached length.
        window: width of a sliding window, or None.
        tree: parents of draft tokens for speculative decoding, [B, Tq] (−1 where the cached positions are), or None.
            A draft sees the keys before `query_start`, its ancestors and itself.
        form: the promise of the builder about all rows, so that no kernel must read the device to find out:
            "causal" (every prefix is 0), "full" (every prefix is the row's length) or "mixed".
        padded: False promises that every row fills all T positions, so kernels may skip the padding work.
        uncached: True promises that every `query_start` is 0.
        host: numbers of these tensors, as far as the builder has them.
    """

    lengths: Int[Tensor, "B"]
    prefix: Int[Tensor, "B"]
    query_start: Int[Tensor, "B"]
    window: int | None = None
    tree: Int[Tensor, "B Tq"] | None = None
    form: Literal["causal", "full", "mixed"] = "mixed"
    padded: bool = True
    uncached: bool = False
    host: HostNumbers = HostNumbers()

    @classmethod
    def causal(cls, lengths: Int[Tensor, "B"], *, query_start: Int[Tensor, "B"] | None = None) -> SequenceMask:
        """Rows of which each position sees itself and what came before."""
        zeros = lengths.new_zeros(lengths.shape)
        return cls(
            lengths=lengths,
            prefix=zeros,
            query_start=zeros if query_start is None else query_start,
            form="causal",
            uncached=query_start is None,
        )

    @classmethod
    def full(cls, lengths: Int[Tensor, "B"]) -> SequenceMask:
        """Rows of which each position sees every valid position."""
        zeros = lengths.new_zeros(lengths.shape)
        return cls(lengths=lengths, prefix=lengths, query_start=zeros, form="full", uncached=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class PackedMask:
    """Segments laid end to end in one row `x [1, N, D]`; positions and recurrent state restart per segment.

    Attributes:
        offsets: [S + 1] cumulative segment starts, offsets[0] = 0 and offsets[S] = N.
        prefix: [S] keys every query of the segment sees, as in `SequenceMask`.
        host: as in `SequenceMask`.
    """

    offsets: Int[Tensor, "S_plus_1"]
    prefix: Int[Tensor, "S"]
    host: HostNumbers = HostNumbers()


@dataclass(frozen=True, kw_only=True, slots=True)
class BackboneOutput:
    """What a backbone returns.

    Attributes:
        h: [B, T, D] states after the selected layers, before the final norm (`Backbone.finish`).
        kept: states after the layers named in `keep`, by layer index.
        losses: extra scalars to add to the training loss, by name (a router's balance loss, …).
        figures: scalars for the metrics that are no loss, by name (an expert's share of the tokens, …).
    """

    h: Float[Tensor, "B T D"]
    kept: Mapping[int, Float[Tensor, "B T D"]] = field(default_factory=dict)
    losses: Mapping[str, Float[Tensor, ""]] = field(default_factory=dict)
    figures: Mapping[str, Float[Tensor, ""]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class CodecIdentity:
    """What makes two code sequences comparable; stored in datasets and checkpoints, compared before mixing.

    Options that give other codes give another identity.

    Attributes:
        name: registry name of the codec.
        sample_rate: Hz.
        hop: audio samples per frame.
        num_levels: Q.
        codebook_size: V.
        weights_hash: first 16 hex digits of the SHA-256 of the codec's tensors.
    """

    name: str
    sample_rate: int
    hop: int
    num_levels: int
    codebook_size: int
    weights_hash: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Phonemes:
    """A text as a frontend sees it.

    Attributes:
        symbols: one string per phoneme or mark, a space between words as its own symbol `" "`.
        words: half-open ranges of `symbols`, one per word.
        language: tag that was used, e.g. `"en-us"`.
    """

    symbols: tuple[str, ...]
    words: tuple[tuple[int, int], ...]
    language: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Utterance:
    """One recording as training sees it.

    Attributes:
        id: unique in its dataset.
        speaker: speaker id.
        language: index in the dataset's list of language tags.
        symbols: [P] phoneme ids in the dataset's symbol map.
        codes: [F, Q] codec codes.
        times: [P + 1] frames (with fractions) at which each symbol begins and the last one ends, or None.
        written: its transcript as it is written.
    """

    id: str
    speaker: str
    language: int
    symbols: Int[Tensor, "P"]
    codes: Integer[Tensor, "F Q"]
    times: Float[Tensor, "P_plus_1"] | None = None
    written: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskInputs:
    """What a task composes a sequence from: drawn from a dataset in training, given by the user at synthesis.

    Attributes:
        text: [P] phoneme ids, possibly empty.
        language: index in the model's list of language tags.
        prompt: [F, Q] codes of the prompt, possibly of zero frames.
        response: [F, L] codes of the first L levels of the answer, as far as they are known; [F, 1] phoneme ids, digits
            or letters for a task whose output these are.
        tone: index of the tone label, or None.
        times: [P + 1] frames of the response at which each symbol of the text begins and the last one ends, where
            that is known and the response says the text and nothing else.
        source: codes of the recording that the task works on, or None.
        span: half-open range of frames of the source that the response replaces, for edits.
        letters: [C] bytes of a written text (UTF-8), or None.
    """

    text: Int[Tensor, "P"]
    language: int
    prompt: Integer[Tensor, "Fp Q"]
    response: Integer[Tensor, "F L"]
    tone: int | None = None
    times: Float[Tensor, "P_plus_1"] | None = None
    source: Integer[Tensor, "Fs Q"] | None = None
    span: tuple[int, int] | None = None
    letters: Int[Tensor, "C"] | None = None


Output = Literal["codes", "symbols", "length", "letters"]
"""What an answer is made of: codec codes, phonemes, decimal digits, or bytes of written text (UTF-8)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptRange:
    """Prompts that a task trains with.

    Attributes:
        shortest: seconds.
        longest: seconds.
        none: whether some rows have no prompt at all.
    """

    shortest: float
    longest: float
    none: bool = False

    def __str__(self) -> str:
        same = self.shortest == self.longest
        return f"{self.longest:g} s" if same else f"{self.shortest:g} to {self.longest:g} s"


Role = Literal["text", "letters", "language", "level", "tone", "task", "prompt", "source", "response"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A run of positions that share one embedding rule; the model adds a learned separator after each.

    Attributes:
        role: decides the embedding tables.
        tokens: text [P]; letters [C]; language, level, tone [1]; task [1], always 0; prompt [F, Q]; source [F, Q], −1
            for a code that is hidden; response [F, Q] (the codes known so far).
    """

    role: Role
    tokens: Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskSequence:
    """One row of a batch: what the model reads, and which level it predicts.

    The last segment is the response. At level 0 it is read causally and its target is itself shifted by one
    with a stop token; at levels ≥ 1 the row is bidirectional and the target is `target`, in place. A masked row
    of level 0 (`valle_core.sequence.masking`) is not causal either, and answers those of its codes that are hidden.

    Attributes:
        segments: in the canonical order text · language · level · prompt · tone · response; the model reads them in
            its own layout (`valle_core.sequence.layout`).
        level: codebook level this row predicts.
        causal: True for autoregressive rows.
        language: index of the row's language (for per-language tables), as in `TaskInputs`.
        target: [F] codes to predict, or None at synthesis.
        output: what the answer is made of.
        continues: as the task's: the response goes on where the prompt ends, so that no layout puts anything between.
        times: as in `TaskInputs`.
        without: what the model is not given of it, for classifier-free guidance: text and prompt take no position then,
            a tone is left out.
        task: name of the task, whose token a segment of the role task is and whose figures its loss joins, or "".
    """

    segments: tuple[Segment, ...]
    level: int
    causal: bool
    language: int = 0
    target: Int[Tensor, "F"] | None = None
    output: Output = "codes"
    continues: bool = False
    times: Float[Tensor, "P_plus_1"] | None = None
    without: frozenset[Role] = frozenset()
    task: str = ""


class Pool(Protocol):
    """Where a task finds other audio while training; all of it has the codes of one codec.

    Codes are int64. What the run was not given (noise, an index of similar utterances) raises `UserError` with the
    command that makes it. Equal questions get equal answers, in whichever process they are asked.
    """

    def speakers(self) -> Sequence[str]:
        """Ids of all speakers, sorted."""
        ...

    def other(self, speaker: str, exclude: str) -> Sequence[str]:
        """Ids of the speaker's utterances except `exclude`, sorted."""
        ...

    def similar(self, id: str, n: int, *, across: bool = False) -> Sequence[str]:
        """Ids of the n ≥ 1 utterances most like this one, the most similar first; fewer where there are no more.

        They are of its speaker, or with `across` of anybody; never itself, never held out.
        """
        ...

    def codes(self, id: str) -> Integer[Tensor, "F Q"]:
        """Codes of an utterance."""
        ...

    def noise(self, frames: int, rng: Random, *, label: str | None = None) -> Integer[Tensor, "F Q"]:
        """`frames` ≥ 1 frames of noise: a random window of a recording, which is repeated where it is shorter.

        Recordings (all, or those with this label) are drawn as often as they are long. `rng` alone decides.
        """
        ...

    def mix(self, a: Integer[Tensor, "F Q"], b: Integer[Tensor, "G Q"], db: float) -> Integer[Tensor, "F Q"]:
        """Codes of both sounding together, a as loud as it is (unless that clips) and `db` decibels above b.

        a and b hold all levels and at least a frame. Both are decoded, b is repeated or cut to the length of a and
        scaled, and the sum is encoded. The levels compared are root mean squares over the active samples of each:
        those in a frame of 20 ms at most 40 dB below its loudest. A sum that would pass 0.99 is scaled down to it.
        Silence has no level: a stays as it is, encoded again. What was mixed before may be kept.
        """
        ...

    def mix_all(
        self, pairs: Sequence[tuple[Integer[Tensor, "F Q"], Integer[Tensor, "G Q"], float]]
    ) -> Sequence[Integer[Tensor, "F Q"]]:
        """`mix` of each (a, b, db), with the codec called once for many."""
        ...


@runtime_checkable
class SharesPrompts(Protocol):
    """A task that lets a batch draw the length of its prompts once; what every task may do, and none must."""

    def with_prompts(self, share: float) -> Self:
        """The same task, with all its prompts as long: the shortest at 0, the longest at 1."""
        ...


@runtime_checkable
class KnowsAudio(Protocol):
    """A task that says how much audio its rows hold beside the response; what every task may do, and none must."""

    def beside(self, seconds: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        """Seconds at most, for utterances that last so long. Without it: those of the longest prompt."""
        ...


@runtime_checkable
class Explains(Protocol):
    """A task that says why it leaves an utterance out; what every task may have, and none owes."""

    def why_not(self, utterance: Utterance, pool: Pool, *, frame_rate: float) -> str:
        """Why `draw` gave None: a few words after "left out:", with the option that would change it. Equal for
        utterances that are left out for the same reason, so that they can be counted."""
        ...


@runtime_checkable
class KnowsPrompts(Protocol):
    """A task that says with which prompts its options train; what every task may have, and none owes."""

    @property
    def prompts(self) -> PromptRange:
        """Their lengths. At synthesis a longer prompt is cut to it, and what is outside of it is named."""
        ...


@runtime_checkable
class KnowsFrames(Protocol):
    """A task whose answer is as long as its inputs say; what every task may have, and none owes."""

    def frames(self, inputs: TaskInputs) -> int:
        """Frames of the answer, ≥ 1; of a drawn example those of its response. Nothing stops earlier or later."""
        ...
