"""What each kind of plugin must be able to do: one small Protocol per kind.

Letters are explained in `valle_core.types`. A factory's signature is given with its Protocol; options arrive
built and validated. All objects live on the device and in the dtype they were built or moved to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from valle_core.types import (
    BackboneOutput,
    CodecIdentity,
    PackedMask,
    Phonemes,
    Pool,
    SequenceMask,
    TaskInputs,
    TaskSequence,
    Utterance,
)


@runtime_checkable
class Cache(Protocol):
    """The decoding state of a batch: keys and values, or a recurrent state.

    Two caches share nothing, nor do rows of one. It keeps hold of no tensor it was given.

    Attributes:
        lengths: [B] positions consumed by each row.
        nbytes: bytes that its tensors hold.
    """

    @property
    def lengths(self) -> Int[Tensor, "B"]: ...
    @property
    def nbytes(self) -> int: ...

    def select(self, rows: Int[Tensor, "R"]) -> None:
        """Keep these rows in this order (repeats allowed, and go on apart); later calls see a batch of R."""
        ...

    def rewind(self, lengths: Int[Tensor, "B"]) -> None:
        """Forget positions at and past `lengths` (≤ the present ones). Raises `UserError` if it cannot.
        The caches of a backbone that declares "rewind" can."""
        ...


@runtime_checkable
class Backbone(Protocol):
    """Sequence model `x [B, T, D] → h [B, T, D]`, also a `torch.nn.Module`.

    Factory: `(options, *, attention: AttentionKernel | None) → Backbone`; `attention` is given when the spec's
    `needs` names it.

    A backbone owes causal, full and mixed masks, a cache and its `select`. A batch of no rows gives no rows.
    Each row gives what it gives alone: NaN in one reaches no other, and one of no length gives no NaN, forward or
    backward. Nothing it is given is written, nothing is kept between calls, and two backbones share nothing. In eval
    mode nothing is drawn; in training the random state of torch alone decides what is drawn, and every parameter gets
    a gradient.
    What it computes from is in its parameters and buffers, so `state_dict` restores it and `.to()` moves all of it;
    states are in the dtype of x. A parameter with a true `_no_weight_decay` is left out of weight decay.

    It may declare "prefix", "window", "tree" and "packed" (mask forms; the last is `PackedMask`), "rewind" (its caches
    can), "positions" (the order comes from `positions`, not from the places), "checkpointing" (its option
    `gradient_checkpointing` keeps less for the backward pass and changes neither states nor gradients) and "compile"
    (`torch.compile` changes no state). Masks it does not declare raise `UserError`.

    Attributes:
        d_model: D.
        n_layers: number of layers.
        max_length: largest position + 1, or None for no bound. Longer input raises `UserError`.
        mask_forms: the forms it takes: "causal", "full", "mixed", "packed", "prefix", "window", "tree". With an
            attention kernel that takes every form, they are those that the spec declares.
    """

    @property
    def d_model(self) -> int: ...
    @property
    def n_layers(self) -> int: ...
    @property
    def max_length(self) -> int | None: ...
    @property
    def mask_forms(self) -> frozenset[str]: ...

    def __call__(
        self,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        positions: Int[Tensor, "B T"],
        *,
        condition: Float[Tensor, "R C"] | None = None,
        cache: Cache | None = None,
        layers: Sequence[int] | None = None,
        keep: Sequence[int] = (),
    ) -> BackboneOutput:
        """Run the layers (all, or the ordered subset `layers`; none gives x back).

        With a cache, x holds only new positions, `mask.query_start` equals `cache.lengths`, and the new valid
        positions (mask.lengths − query_start per row) are appended to the cache. Padded positions never influence valid
        ones. `condition`, one of each row or packed segment, is used by adaptive norms; other backbones ignore it.
        Where a backbone has an attribute `reads_levels`, its last column is the level that each predicts.
        """
        ...

    def finish(self, h: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows D"]:
        """The final norm, of states in any arrangement."""
        ...

    def new_cache(self, batch: int, max_length: int, dtype: torch.dtype, device: torch.device) -> Cache:
        """An empty cache for rows of at most `max_length` positions; more raise `UserError`, here and later."""
        ...


@runtime_checkable
class Rewrite(Protocol):
    """Replaces modules inside a backbone. Factory: `(options) → Rewrite`.

    What it returns still keeps the `Backbone` contract, with the same facts, shapes and dtypes, and gradients pass
    through it to what lies before. It is applied to a fresh backbone and then again at every loading, before the
    weights are read: equal options, an equal backbone and an equal random state give equal modules, whose weights
    are named alike. It keeps nothing between calls, and two applications share nothing.
    One that declares "trainable" leaves parameters to train in each module it replaces; one that does not leaves none.
    """

    def targets(self, backbone: nn.Module) -> Sequence[str]:
        """Names of the modules that `apply` would replace, as in `named_modules`; changes nothing."""
        ...

    def apply(self, backbone: nn.Module) -> nn.Module:
        """Replace the targets and nothing else, in place or in a copy; use only what is returned.

        What it makes is on the device and in the dtype of what it replaces, and moves with the backbone. What is
        frozen stays frozen, what is not does not become so, and the mode (train, eval) is that of the backbone,
        everywhere.
        Raises `UserError` where there is nothing to replace.
        """
        ...


@runtime_checkable
class AttentionKernel(Protocol):
    """softmax(scale · q kᵀ + mask) v. Factory: `(options) → AttentionKernel`.

    A kernel owes causal, full and lengths, for rows of any length; the core splits mixed rows into groups for one that
    does not declare "mixed". Grouped-query attention by shape: Hk divides H. `scale = None` means 1/√Dh. Queries at or
    past `lengths` give zeros. The inputs are never written. Forms it does not declare raise `UserError`.

    Keys that no query sees change nothing, and no row reaches another: NaN and infinities in padding and in other
    segments included, forward and backward. NaN in a key that a query sees may spread within the row or segment of
    that key. Equal inputs give equal results: nothing is drawn, nothing kept but what belongs to the same values of a
    mask. Any strides and any number of rows are taken, none too; rows of no length give zeros and zero gradients;
    scores of any size too. What does not fit together raises `UserError`: shapes, dtypes, a mask of other rows,
    a head width that it cannot take. The result is in the dtype of q, on its device.
    """

    def __call__(
        self,
        q: Float[Tensor, "B H Tq Dh"],
        k: Float[Tensor, "B Hk Tk Dh"],
        v: Float[Tensor, "B Hk Tk Dh"],
        mask: SequenceMask | PackedMask,
        *,
        scale: float | None = None,
    ) -> Float[Tensor, "B H Tq Dh"]: ...


@runtime_checkable
class CodecStream(Protocol):
    """Carries a decoder's state so that chunks joined equal the whole (1e-4)."""

    def push(self, codes: Int[Tensor, "B F Q"]) -> Float[Tensor, "B N"]:
        """Audio that is final after these frames (may be empty while the lookahead fills)."""
        ...

    def flush(self) -> Float[Tensor, "B N"]:
        """What is left."""
        ...


@runtime_checkable
class Codec(Protocol):
    """Waveform ↔ codes. Factory: `(options, *, device: torch.device) → Codec`.

    Equal waveforms give equal codes, equal codes equal waveforms: nothing is drawn, nothing remembered. The inputs
    are never written. Results are on the device of the codec, codes int64, waveforms float32; int32 and int64
    codes are taken. One that declares "streaming" gives sound before `CodecStream.flush`; "codebooks", that it has
    them. One that also decodes what lies between its codebook vectors has `decode_vectors(vectors [B, F, d], frames)`:
    `decode`, of sums over levels.

    Attributes:
        sample_rate: Hz of the waveforms it takes and gives.
        hop: audio samples per frame.
        frame_rate: frames per second, sample_rate / hop.
        num_levels: Q.
        codebook_size: V.
        lookahead_frames: frames `CodecStream.push` holds back.
        codebooks: [Q, V, d] vectors whose sum over levels is the quantised frame, or None.
        identity: what datasets and checkpoints store and compare.
    """

    @property
    def sample_rate(self) -> int: ...
    @property
    def hop(self) -> int: ...
    @property
    def frame_rate(self) -> float: ...
    @property
    def num_levels(self) -> int: ...
    @property
    def codebook_size(self) -> int: ...
    @property
    def lookahead_frames(self) -> int: ...
    @property
    def codebooks(self) -> Float[Tensor, "Q V d"] | None: ...
    @property
    def identity(self) -> CodecIdentity: ...

    def encode(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"]
    ) -> tuple[Int[Tensor, "B F Q"], Int[Tensor, "B"]]:
        """Codes and frames = ⌈lengths / hop⌉ of each row; padding never changes a row.

        Frame f is of the samples from f · hop on; each level says something.
        """
        ...

    def decode(
        self, codes: Int[Tensor, "B F L"], frames: Int[Tensor, "B"]
    ) -> tuple[Float[Tensor, "B N"], Int[Tensor, "B"]]:
        """Waveform in [−1, 1] and frames · hop valid samples of each row, from the first L ≤ Q levels.

        What was encoded comes nearest to its sound with the levels in their order. Raises `UserError` for codes
        outside 0 … V − 1.
        """
        ...

    def stream(self, batch: int = 1) -> CodecStream:
        """A fresh streaming decoder for `batch` rows."""
        ...


@runtime_checkable
class SamplerView(Protocol):
    """What a sampler sees beside the logits; made by the decoder, one row per row of logits.

    Attributes:
        history: [B, L] tokens chosen so far, right-padded with −1.
        lengths: [B] valid entries of `history`.
        stop: index of the stop token among the logits, or None.
        state: this sampler's own tensors, each [B, …]; the decoder reorders and narrows them with the rows.
    """

    @property
    def history(self) -> Int[Tensor, "B L"]: ...
    @property
    def lengths(self) -> Int[Tensor, "B"]: ...
    @property
    def stop(self) -> int | None: ...
    @property
    def state(self) -> dict[str, Tensor]: ...

    def uniform(self, salt: int = 0) -> Float[Tensor, "B"]:
        """One number in (0, 1) per row, a pure function of (the row's seed, its step, salt)."""
        ...


@runtime_checkable
class Processor(Protocol):
    """A sampler that reshapes logits. Must not write into its input. The decoder refuses logits with NaN before it.

    It keeps shape and type, leaves −inf where it stands and at least one token of each row, and reads neither the
    device (no `.item()`) nor any other row. What lasts between steps lives in `view.state`.
    """

    def process(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Float[Tensor, "B V"]: ...


@runtime_checkable
class Chooser(Protocol):
    """A sampler that picks one token per row from (processed) logits; −inf is never picked.

    Randomness comes from `view.uniform` alone: equal logits, histories and seeds give equal tokens at every batch
    size. No rows give no tokens. The rest as for `Processor`.
    """

    def choose(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Int[Tensor, "B"]: ...


Follow = Callable[[Int[Tensor, "R"], Int[Tensor, "R"]], Float[Tensor, "R V"]]
"""(rows of the logits it gave last, in any order, also repeated; tokens they chose) → processed logits of the next."""
Ask = Callable[[Int[Tensor, "N"]], Float[Tensor, "N V"]]
"""Codes of the frames of all rows laid end to end → processed logits of every frame, at a forward pass."""


@runtime_checkable
class Search(Protocol):
    """A sampler that looks for whole answers, following several beginnings of a row. It may look who has ended.

    `logits` are processed, of the first token; row b has at most `bounds[b]` tokens. Gives each row's tokens, with the
    stop token (index `stop`) behind an answer that ended; what lies behind is not read. The rest as for `Chooser`.
    """

    def search(
        self, logits: Float[Tensor, "B V"], follow: Follow, bounds: Sequence[int], stop: int | None
    ) -> Int[Tensor, "B L"]: ...


@runtime_checkable
class Filler(Protocol):
    """A sampler that fills answers of `frames[b]` frames, all `hidden` at first (which is no token), in any order.
    `ask` takes any codes; `view` has a row for each frame of all, without history. Gives the code of every frame.
    The rest as for `Chooser`."""

    def fill(self, ask: Ask, frames: Sequence[int], hidden: int, view: SamplerView) -> Int[Tensor, "N"]: ...


Sampler = Processor | Chooser | Search | Filler
"""A frozen dataclass whose fields are its options, checked when it is made. Factory: `(options) → Sampler`, usually
the class itself is the options class and the factory returns what it was given."""


@runtime_checkable
class Task(Protocol):
    """Builds sequences, the same way for training and synthesis. Factory: `(options) → Task`.

    It keeps nothing between calls and writes into nothing it is given.
    Its spec says what a request brings: text, perhaps a prompt; or "source", a recording to work on, and "prompt",
    "text" (if there is one) or "edit" (text, span); or "written", letters. With "token" its rows say its name.

    Attributes:
        output: "codes", "symbols", "length" or "letters". What is not codes is asked for at level 0 alone.
        continues: whether the answer goes on where the prompt ends, so that the text is of both.
    """

    @property
    def output(self) -> str: ...
    @property
    def continues(self) -> bool: ...

    def draw(self, utterance: Utterance, pool: Pool, rng: Random, *, frame_rate: float) -> TaskInputs | None:
        """Inputs of one training example (`response` is whole), or None where the utterance does not allow it.

        `rng` is seeded from (seed, epoch, utterance id) and is the only source of chance: equal arguments give equal
        inputs. The prompt holds nothing of the response.
        """
        ...

    def compose(self, inputs: TaskInputs, level: int, *, training: bool) -> TaskSequence:
        """The sequence that asks for `level`. In training it carries the target and never shows it as input."""
        ...

    def finish(self, inputs: TaskInputs, output: Int[Tensor, "F Q"]) -> Int[Tensor, "whole Q"]:
        """The result made from the model's answer (stitching for edits; the answer itself for most)."""
        ...


@runtime_checkable
class Frontend(Protocol):
    """Text → phonemes. Factory: `(options) → Frontend`.

    Equal text and language give equal phonemes, whatever was said before. All words of the text are said.
    """

    def phonemize(self, text: str, language: str) -> Phonemes:
        """Raises `UserError` for an unknown language and for text without anything to say."""
        ...

    def symbols(self) -> Sequence[str]:
        """Every symbol it may emit for its languages, if it knows; else empty (the dataset's are collected)."""
        ...

    def languages(self) -> Sequence[str]:
        """Language tags it accepts."""
        ...
