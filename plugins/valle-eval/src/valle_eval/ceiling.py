"""What a codec alone makes of the recordings: no model that speaks through it can be better."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from valle_core.api import CommandContext, UserError, build, choose_device, preflight, read_audio, write_audio
from valle_core.interfaces import Codec
from valle_eval.journal import Journal, key_of
from valle_eval.recordings import Recording
from valle_eval.sentences import Sentence
from valle_eval.synthesis import Progress, file_name


def open_codec(context: CommandContext, device: str) -> Codec:
    """The codec of `--codec`. Raises `UserError` where none is named."""
    if not context.resolved.parts["codec"]:
        raise UserError("--ceiling needs a codec. Name one with --codec, or a model with --model")
    target, part = choose_device(device), context.resolved.part("codec")
    (selected,) = preflight(context.registry, {"codec": ("codec", (part.name,))}, device=target.type)["codec"]
    return build(selected, part.options, device=target)


def resynthesise(
    sentences: Sequence[Sentence],
    codec: Codec,
    levels: int,
    device: torch.device,
    folder: Path,
    journal: Journal,
    progress: Progress,
) -> list[Sentence]:
    """The sentences with a recording, as the codec gives it back from its first `levels` levels (0: all)."""
    recorded = [one for one in sentences if one.reference]
    if not recorded:
        raise UserError("--ceiling needs recordings of the sentences. Give a column `reference`, or --references TABLE")
    if not 0 <= levels <= codec.num_levels:
        raise UserError(f"levels must be in [0, {codec.num_levels}], got {levels}")
    identity = (codec.identity.name, codec.identity.weights_hash, levels)
    made = []
    for number, one in enumerate(recorded, 1):
        assert one.reference is not None
        path = folder / f"{file_name(one.id)}.wav"
        key = key_of("resynthesised", *identity, Recording(one.reference).digest)
        known = journal.get(key)
        if not (known and path.is_file() and Recording(path).digest == known["digest"]):
            making = _through(codec, levels, device, one.reference, path)
            known = journal.put(key, {"making": making, "digest": Recording(path).digest})
        made.append(replace(one, audio=path, source=one.reference, making=known["making"], ended=None))
        progress(number, len(recorded), "through the codec")
    return made


@torch.inference_mode()
def _through(codec: Codec, levels: int, device: torch.device, source: Path, path: Path) -> float:
    """Seconds it took."""
    wav = torch.from_numpy(read_audio(source, codec.sample_rate))[None].to(device)
    start = time.perf_counter()
    codes, frames = codec.encode(wav, torch.tensor([wav.shape[1]], device=device))
    back, lengths = codec.decode(codes[:, :, : levels or None], frames)
    seconds = time.perf_counter() - start
    write_audio(path, back[0, : min(int(lengths[0]), wav.shape[1])].float().cpu().numpy(), codec.sample_rate)
    return seconds
