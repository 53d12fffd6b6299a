"""Text and a voice in, speech out: one definition of the rows with training, one exit for all audio."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from valle_core.codes.checks import check_codes
from valle_core.plugin import UserError
from valle_core.sequence.alignment import Branching, Walk
from valle_core.sequence.pack import pack
from valle_core.synthesis.autoregressive import Decoded, Prompted, decode
from valle_core.synthesis.components import SynthesisComponents
from valle_core.synthesis.nonautoregressive import fill_levels
from valle_core.synthesis.prompt import Prompts, encode_prompt, fitting_codes
from valle_core.synthesis.request import Encoded, Request, Speech, Timing
from valle_core.synthesis.sampling.chain import refuse_other_samplers
from valle_core.synthesis.sampling.randomness import row_seeds
from valle_core.synthesis.sampling.view import View
from valle_core.synthesis.task_choice import refuse_misfit
from valle_core.text.symbols import language_index
from valle_core.types import KnowsFrames, TaskInputs

_ADVANCE = 7919
"""Salt of the numbers an alignment draws with, which no sampler of a chain uses."""


class Prepared(NamedTuple):
    """A request as it is spoken: what the rows are made of, the phonemes, those not known, a remark or ""."""

    inputs: TaskInputs
    symbols: tuple[str, ...]
    unknown: dict[str, int]
    remark: str


class Synthesizer:
    """Speaks batches of requests. Reusable; holds no state between calls but the time of the last one."""

    def __init__(self, components: SynthesisComponents) -> None:
        self.components = components
        self.timing: Timing | None = None

    @property
    def sample_rate(self) -> int:
        """Hz of the speech."""
        return self.components.codec.sample_rate

    def __call__(self, requests: Sequence[Request]) -> list[Speech]:
        """Speech for each request, in order.

        A request draws the same numbers alone and in any batch; its codes differ where products of several rows round
        otherwise than those of one, and that decides. With `valle_kit.engine.together` they never do on a CPU.

        Raises:
            UserError: a text, language or prompt that cannot be used; nothing is spoken then.
        """
        if not requests:
            raise UserError("no text given; pass at least one request")
        if self.components.task.output != "codes":
            raise UserError(f"task '{self.components.task_name}' gives no speech; use `Speaker.write`")
        clock = [time.perf_counter()]
        with torch.inference_mode():
            prepared = [self.prepare(request) for request in requests]
            inputs = [found.inputs for found in prepared]
            clock.append(time.perf_counter())
            seeds = torch.cat([row_seeds(request.seed, [0], device=self.device) for request in requests])
            level0, times, remarks = self.level0(inputs, seeds, requests)
            inputs = [replace(found, times=when) for found, when in zip(inputs, times, strict=True)]
            clock.append(time.perf_counter())
            codes, vectors = self.other_levels(inputs, level0, seeds)
            clock.append(time.perf_counter())
            codes = [self.components.task.finish(i, c) for i, c in zip(inputs, codes, strict=True)]
            wavs = self._decode(codes, vectors)
            codes, wavs, silences = self._without_long_silence(codes, wavs)
            clock.append(time.perf_counter())
        # Cloned outside of inference mode, so that hooks and callers may write to them.
        speeches = [
            Speech(
                wav=self.after_audio(wav.clone(), request),
                sample_rate=self.sample_rate,
                codes=found.clone(),
                symbols=ready.symbols,
                stopped=stopped,
                unknown=ready.unknown,
                remarks=tuple(filter(None, (ready.remark, *(f"'{request.text}' {what}" for what in notes if what)))),
                times=() if when is None else tuple((when / self.components.codec.frame_rate).tolist()),
            )
            for request, wav, found, stopped, ready, when, *notes in zip(
                requests, wavs, codes, level0.stopped, prepared, times, remarks, silences, strict=True
            )
        ]
        spans = [after - before for before, after in pairwise(clock)]
        self.timing = Timing(
            prompt=spans[0],
            autoregressive=spans[1],
            nonautoregressive=spans[2],
            codec=spans[3],
            tokens=sum(row.shape[0] for row in level0.tokens),
            audio_seconds=sum(wav.shape[0] for wav in wavs) / self.sample_rate,
        )
        return speeches

    @property
    def device(self) -> torch.device:
        """Where the models and the codec are."""
        return self.components.ar.heads.bias.device

    def prepare(self, request: Request) -> Prepared:
        """What rows of a request are made of. Raises `UserError` as a call does."""
        components = self.components
        language = request.language or components.languages[0]
        index = language_index(components.languages, language)
        refuse_misfit(request, components.task_name, components.takes)
        text, symbols = self._text(request, language) if request.text.strip() else "", ()
        written = "written" in components.takes
        if text and not written:
            symbols = components.read_text(text, language, components.frontend, components.symbols)
        unknown = dict(components.symbols.unknown(symbols))
        if symbols and sum(unknown.values()) == len(symbols):
            raise UserError(f"the model knows none of the phonemes of '{request.text}' ({', '.join(unknown)})")
        nothing = torch.zeros(0, components.codec.num_levels, dtype=torch.long)
        prompt, remark = self._prompt(request.prompt, nothing)
        source = None
        if request.source is not None:
            source, _ = self._codes(request.source, "input", replace(components.prompts, trained=None))
        inputs = TaskInputs(
            text=torch.tensor(components.symbols.indices(symbols), dtype=torch.long),
            language=index,
            prompt=prompt,
            response=nothing,
            source=source,
            letters=torch.tensor(list(request.text.strip().encode()), dtype=torch.long) if written else None,
            span=None if request.span is None or source is None else self._span(request.span, len(source)),
        )
        return Prepared(inputs, symbols, unknown, remark)

    def _text(self, request: Request, language: str) -> str:
        """What the model reads: the text, after what the prompt says where the answer continues the prompt."""
        transcript = request.prompt_text.strip()
        text = f"[[{request.text}]]" if request.phonemes else request.text
        if not self.components.task.continues:
            if transcript:
                raise UserError("this task does not continue its prompt, so it takes no prompt text; use --task tts-c")
            return text
        if (request.prompt is None) == bool(transcript):
            raise UserError("this task continues its prompt: give both a prompt and its words (--prompt-text), or none")
        if transcript:
            # The text alone must hold something to say.
            self.components.read_text(text, language, self.components.frontend, self.components.symbols)
        return f"{transcript} {text}".strip()

    def _prompt(self, prompt: Path | Tensor | Encoded | None, nothing: Tensor) -> Encoded:
        """Its codes, of a length the model was trained on, and what should be known of it."""
        prompts = self.components.prompts
        if prompt is None or isinstance(prompt, Encoded):
            return prompt or Encoded(nothing, prompts.remark(None))
        return self._codes(prompt, "prompt", prompts)

    def _codes(self, given: Path | Tensor, what: str, prompts: Prompts) -> Encoded:
        components, codec = self.components, self.components.codec
        if not isinstance(given, Tensor):
            return encode_prompt(given, codec, prompts, device=self.device, what=what)
        if given.ndim != 2:
            raise UserError(f"codes of the {what} must be [frames, {codec.num_levels}], got {list(given.shape)}")
        read = max(components.ar.vocabulary.num_levels, components.nar.vocabulary.num_levels)
        width = given.shape[1]  # the codes of a speech are as many levels as the models read
        levels = width if read <= width <= codec.num_levels else codec.num_levels
        check_codes(given, num_levels=levels, codebook_size=codec.codebook_size, what=f"the {what}")
        return fitting_codes(given.cpu().long(), codec.frame_rate, prompts)

    def _span(self, span: tuple[float, float], frames: int) -> tuple[int, int]:
        """Frames of a part to replace. Raises `UserError` where it is not inside of the source."""
        rate, (start, end) = self.components.codec.frame_rate, span
        if not 0 <= start <= end <= frames / rate:
            raise UserError(
                f"the part to replace must be in [0, {frames / rate:.2f}] s and in order, got {start:g} to {end:g} s"
            )
        return int(start * rate), min(frames, math.ceil(end * rate))

    def _bound(self, request: Request) -> int:
        if not 0 < request.max_seconds <= 3600:
            raise UserError(f"max_duration must be in (0, 3600] s, got {request.max_seconds:g}")
        return max(1, round(request.max_seconds * self.components.codec.frame_rate))

    def level0(
        self,
        inputs: list[TaskInputs],
        seeds: Int[Tensor, "B"],
        requests: Sequence[Request],
        watch: Callable[[Int[Tensor, "B L"], Walk | None], None] | None = None,
    ) -> tuple[Decoded, Sequence[Float[Tensor, "P_plus_1"] | None], list[str]]:
        """The codes of each row, when it says each symbol where the model has an alignment, and how it was ended."""
        parts, model, guards = self.components, self.components.ar, self.components.safeguards
        bounds, context = [self._bound(request) for request in requests], parts.max_context
        seconds, rate = [request.seconds for request in requests], parts.codec.frame_rate
        refuse_other_samplers(model.masked, parts.chain, seconds)
        task, stop = parts.task, model.vocabulary.stop
        known_length = isinstance(task, KnowsFrames)  # then nothing ends an answer but its length
        bounds = [task.frames(found) for found in inputs] if isinstance(task, KnowsFrames) else bounds
        if parts.chain.filler is not None:
            seconds = [bound / rate for bound in bounds] if known_length else seconds
            if parts.lengths and not all(seconds):
                seconds = [own or usual for own, usual in zip(seconds, parts.lengths(requests), strict=True)]
            if parts.fill is None:
                raise UserError("nothing here fills level 0 in place; open the model with valle.load, or use no filler")
            return *parts.fill(parts, inputs, seconds, bounds, seeds), [""] * len(inputs)
        if guards is not None:
            bounds = [guards.bound(most, len(one.text)) for most, one in zip(bounds, inputs, strict=True)]
        guidance, B = self.components.guidance, len(inputs)
        rows = guidance.rows([self.components.task.compose(found, 0, training=False) for found in inputs])
        batch = pack(rows, model.rules)
        longest = model.backbone.max_length
        if longest is not None:
            room = [longest - length for length in batch.mask.lengths[:B].tolist()]
            if min(room) < (2 if context else 1):
                raise UserError(f"text and prompt fill all {longest} positions of the model; shorten them")
            if (
                known_length
                and not context
                and min(space - bound for bound, space in zip(bounds, room, strict=True)) < 0
            ):
                raise UserError(f"the answer is longer than the {longest} positions of the model; shorten the input")
            context = min(context, *room)
            bounds = bounds if context else [min(bound, space) for bound, space in zip(bounds, room, strict=True)]
        batch = batch.to(self.device)
        read, answer = model.embed_token(rows), model.head(0)
        view = View(seeds=seeds, capacity=max(bounds), stop=None if known_length else stop)
        walk, chain, conditioned = None, parts.chain, torch.ones(len(rows), dtype=torch.bool, device=self.device)
        if model.alignment is not None and batch.text is not None:
            text = pack(rows[:B], model.rules).to(self.device).text if guidance.branches > 1 else batch.text
            assert text is not None
            walk = model.alignment.walk(text, speed=self.components.speed, steady=self.components.steady)
            conditioned = conditioned if batch.text.conditioned is None else batch.text.conditioned
            if chain.search is not None and isinstance(model.alignment, Branching):
                chain = chain.searching(model.alignment.along(walk, chain.search))

        def embed(codes: Tensor, places: Tensor) -> Tensor:
            every = places if guidance.branches == 1 else torch.cat([places, places + B])
            x = read(codes.repeat(guidance.branches), every)
            if walk is None:
                return x
            return x + (walk.guide(places).repeat(guidance.branches, 1) * conditioned[every][:, None])[:, None]

        def head(h: Tensor, places: Tensor) -> Tensor:
            logits = guidance(answer(h))
            if known_length:
                logits[:, stop] = float("-inf")
            if guards is not None:
                logits = guards.guide(logits, view)
            return logits if walk is None else walk.answer(h[: len(places)], logits, places, view.uniform(_ADVANCE))

        steps = decode if model.draft is None else partial(model.draft.decode, model, walk, parts, batch)
        found = steps(
            model.backbone,
            Prompted(
                x=model.embed(batch),
                mask=batch.mask,
                positions=batch.positions,
                condition=model.condition(batch),
            ),
            embed,
            head,
            chain,
            view,
            bounds=bounds,
            stop=-1 if known_length else stop,
            max_context=context,
            branches=guidance.branches,
            watch=None if watch is None else lambda tokens: watch(tokens, walk),
        )
        found = replace(found, stopped=[True] * B) if known_length else found
        remarks = [""] * B
        if guards is not None:
            kept, remarks = zip(*map(guards.verdict, found.tokens), strict=True)
            found = replace(found, tokens=[row[:n] for row, n in zip(found.tokens, kept, strict=True)])
        frames = [len(row) for row in found.tokens]
        if self.components.speed != 1 and (stays := getattr(walk, "kept", None)):
            places = [row.to(self.device) for row in stays(frames)]
            found = replace(found, tokens=[row[at] for row, at in zip(found.tokens, places, strict=True)])
        return found, walk.times(frames) if walk else [None] * B, [*remarks]

    def other_levels(
        self, inputs: list[TaskInputs], level0: Decoded, seeds: Int[Tensor, "B"]
    ) -> tuple[list[Int[Tensor, "F Q"]], list[Float[Tensor, "F d"]] | None]:
        """All codes, and what they are expected to sum to where that is decoded."""
        books = self.components.codec.codebooks if self.components.expected else None
        sums = [] if books is None else [books[0][torch.cat(level0.tokens).to(books.device)]]

        def choose(level: int, logits: Float[Tensor, "N V"], frames: list[int]) -> Tensor:
            view = View.for_frames(seeds=seeds, frames=frames, level=level)
            if books is not None:
                sums.append(logits.float().softmax(-1) @ books[level])
            return self.components.nar_chain(logits.float(), view)

        guidance = self.components.nar_guidance
        codes = fill_levels(self.components.nar, self.components.task, inputs, level0.tokens, choose, guidance)
        return codes, list(torch.stack(sums).sum(0).split([len(row) for row in codes])) if sums else None

    def _decode(
        self, codes: list[Int[Tensor, "F Q"]], vectors: list[Float[Tensor, "F d"]] | None
    ) -> list[Float[Tensor, "N"]]:
        frames = torch.tensor([row.shape[0] for row in codes], device=self.device)
        decode = getattr(self.components.codec, "decode_vectors" if vectors else "decode")
        wav, lengths = decode(pad_sequence(vectors or codes, batch_first=True).to(self.device), frames)
        return [row[:n].float().cpu() for row, n in zip(wav, lengths.tolist(), strict=True)]

    def _without_long_silence(
        self, codes: list[Int[Tensor, "F Q"]], wavs: list[Float[Tensor, "N"]]
    ) -> tuple[list[Int[Tensor, "F Q"]], list[Float[Tensor, "N"]], list[str]]:
        """Each answer up to shortly behind its last sound where a long silence follows, and a remark then."""
        guards, hop = self.components.safeguards, self.components.codec.hop
        if guards is None:
            return codes, wavs, [""] * len(wavs)
        ends, remarks = zip(*(guards.quiet_end(wav, self.sample_rate) for wav in wavs), strict=True)
        shorter = [row[:n] if what else row for row, n, what in zip(codes, ends, remarks, strict=True)]
        return shorter, [wav[: n * hop] for wav, n in zip(wavs, ends, strict=True)], [*remarks]

    def after_audio(self, wav: Float[Tensor, "N"], request: Request) -> Float[Tensor, "N"]:
        """The only way out for audio."""
        facts = {"text": request.text, "language": request.language or self.components.languages[0]}
        return self.components.observers.after_audio(wav, self.sample_rate, facts)
