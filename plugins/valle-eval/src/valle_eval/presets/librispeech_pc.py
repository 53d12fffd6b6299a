"""LibriSpeech test-clean with the texts of LibriSpeech-PC: a list of pairs, or its manifest."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from valle_core.plugin import UserError
from valle_core.reading import json_text
from valle_eval.presets.lines import inside, lines_of
from valle_eval.sentences import Sentence, check_sentences

LISTS = "*librispeech_pc_test_clean*.lst"
MANIFESTS = ("test-clean.json", "test_clean.json")
BOUNDS = (4.0, 10.0)
"""Seconds of the utterances that are used, as VALL-E's authors chose them (arXiv 2301.02111 §5.2)."""

COLUMNS = "prompt id, its seconds, its text, id, seconds, text"


def librispeech_pc(folder: Path) -> list[Sentence]:
    """Sentences with the prompt of the same speaker, and the recording of the text as reference.

    FOLDER holds `test-clean` (or `LibriSpeech/test-clean`), and beside it a list of pairs (`*.lst`, tab-separated) or
    the manifest of LibriSpeech-PC (`test-clean.json`); from a manifest the utterance before is the prompt.

    Raises:
        UserError: something of it is missing or has another form.
    """
    audio = next(
        (path for path in (folder / "test-clean", folder / "LibriSpeech" / "test-clean") if path.is_dir()), None
    )
    if audio is None:
        raise UserError(f"'{folder}' has neither test-clean nor LibriSpeech/test-clean. Unpack LibriSpeech there")
    lists = sorted(folder.glob(LISTS))
    manifests = [path for path in (folder / name for name in MANIFESTS) if path.is_file()]
    if lists:
        sentences = list(_of_list(lists[0], audio))
    elif manifests:
        sentences = list(_of_manifest(manifests[0], audio))
    else:
        raise UserError(f"'{folder}' has no list ({LISTS}) and no manifest ({MANIFESTS[0]}) of LibriSpeech-PC")
    check_sentences(sentences, f"'{folder}'")
    return sentences


def _of_list(path: Path, audio: Path) -> Iterator[Sentence]:
    for number, line in lines_of(path):
        fields = line.split("\t")
        if len(fields) != 6:
            raise UserError(f"'{path}', line {number} must have six columns ({COLUMNS}), got {len(fields)}")
        prompt, _, prompt_text, name, _, text = fields
        where = f"'{path}', line {number}"
        yield Sentence(
            id=name,
            text=text,
            voice=_file(audio, prompt, where),
            voice_text=prompt_text,
            reference=_file(audio, name, where),
        )


def _of_manifest(path: Path, audio: Path) -> Iterator[Sentence]:
    rows: list[tuple[str, str]] = []
    for number, line in lines_of(path):
        try:
            row: Any = json_text.loads(line)
            name, text, seconds = Path(row["audio_filepath"]).stem, str(row["text"]), float(row["duration"])
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"'{path}', line {number} is not of a manifest: {error!r:.80}") from error
        if BOUNDS[0] <= seconds <= BOUNDS[1]:
            rows.append((name, text))
    for _, group in groupby(sorted(rows), lambda row: row[0].split("-")[0]):
        own = list(group)
        for (prompt, prompt_text), (name, text) in zip([*own[-1:], *own[:-1]], own, strict=True):
            if prompt != name:
                yield Sentence(
                    id=name,
                    text=text,
                    voice=_file(audio, prompt, f"'{path}'"),
                    voice_text=prompt_text,
                    reference=_file(audio, name, f"'{path}'"),
                )


def _file(audio: Path, name: str, where: str) -> Path:
    """`61-70968-0000` → `61/70968/61-70968-0000.flac`."""
    parts = name.split("-")
    if len(parts) != 3:
        raise UserError(f"{where}: '{name}' is not the name of an utterance of LibriSpeech")
    return inside(audio, f"{parts[0]}/{parts[1]}/{name}.flac", where)
