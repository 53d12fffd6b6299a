"""`valle export-llama` and `valle import-llama`: level 0 to stock transformers, and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from valle_core.api import CommandContext, CommandResult, Schema, Section


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportLlamaOptions:
    """What is exported.

    Attributes:
        model: run or checkpoint of --arch llama
        out: new folder for transformers' LlamaForCausalLM
        dtype: number type of the weights
    """

    model: Path
    out: Path
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportLlamaOptions:
    """What is read.

    Attributes:
        folder: written by `valle export-llama`, or by `LlamaForCausalLM.save_pretrained` with its valle.json beside
        out: new run folder
    """

    folder: Path
    out: Path


EXPORT_SCHEMA = Schema(
    sections=(Section("export", ExportLlamaOptions, flat=True, help="Options", positional=("model",)),)
)
IMPORT_SCHEMA = Schema(
    sections=(Section("import", ImportLlamaOptions, flat=True, help="Options", positional=("folder",)),)
)


def export_llama(context: CommandContext) -> CommandResult:
    """Write level 0 of a run as a folder of transformers' LlamaForCausalLM over one vocabulary.

    valle.json beside it says which ids are codes, phonemes and the other tokens, and in which order a row has them.
    """
    import torch

    from valle_llama.one_vocabulary.reading import refuse_taken
    from valle_llama.one_vocabulary.writing import write_level0

    own: ExportLlamaOptions = context.options("export")
    refuse_taken(own.out)
    ids = write_level0(own.model, own.out, dtype=getattr(torch, own.dtype))
    text = f"{own.out}: a vocabulary of {ids.size} ids, codes 0 to {ids.stop - 1}, stop token {ids.stop}"
    return CommandResult(text=text, facts={"out": str(own.out), "vocabulary": ids.size, "stop": ids.stop})


def import_llama(context: CommandContext) -> CommandResult:
    """Read such a folder, trained further or not, as a run of level 0."""
    from valle_llama.one_vocabulary.reading import read_level0, refuse_taken

    own: ImportLlamaOptions = context.options("import")
    refuse_taken(own.out)
    path = read_level0(own.folder, own.out)
    text = f"{path}: level 0; add the other levels with valle synth --nar-model"
    return CommandResult(text=text, facts={"out": str(own.out), "checkpoint": str(path)})
