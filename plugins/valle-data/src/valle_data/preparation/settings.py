"""`prepare.json`: what a folder was begun with, so that nothing else is mixed into it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from valle_core.codes import identity
from valle_core.files import write_text
from valle_core.plugin import UserError
from valle_core.reading.json_text import read_json
from valle_core.types import CodecIdentity
from valle_data.preparation.components import PreparationComponents
from valle_data.preparation.finished import SOURCES
from valle_data.preparation.journal import Journal
from valle_data.preparation.locks import LOCKS, Locks
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.phoneme_cache import options_hash
from valle_data.preparation.plan import forget_plan, read_plan
from valle_data.preparation.shared import create
from valle_data.storage.manifest import FORMAT_VERSION, MANIFEST

SETTINGS = "prepare.json"


def check_settings(options: PrepareOptions, components: PreparationComponents) -> None:
    """Refuse a folder that holds something else, or a dataset of another codec or of other options.

    Raises:
        UserError: says what differs.
    """
    if (options.out / SETTINGS).exists():
        if not in_vain(options.out):
            _compare(options, components)
    elif options.out.exists() and not is_empty(options.out) and not (options.out / SETTINGS).exists():
        raise UserError(f"'{options.out}' holds something else than a dataset. Choose another --out")


def write_settings(options: PrepareOptions, components: PreparationComponents) -> None:
    """Make the folder ours. Raises as `check_settings`, also where another process was quicker.

    Options that left out every recording (no language, say) hold no one to them: nothing is mixed.
    """
    content = json.dumps(_settings(options, components), indent=2, ensure_ascii=False) + "\n"
    if create(options.out / SETTINGS, content):
        return
    try:
        _compare(options, components)
    except UserError:
        if len(Locks(options.out).holders()) > 1 or not in_vain(options.out):
            raise
        forget_plan(options.out)
        write_text(options.out / SETTINGS, content)


def _settings(options: PrepareOptions, components: PreparationComponents) -> dict[str, Any]:
    aligner = components.aligner
    return {
        "format_version": FORMAT_VERSION,
        "codec": identity.to_dict(components.codec.identity),
        "frontend": components.frontend_name,
        "frontend_options": options_hash(components.frontend_options),
        "language": options.language,
        "storage": options.storage,
        "shard_size": options.shard_size if options.storage != "files" else None,
        "min_seconds": options.min_seconds,
        "max_seconds": options.max_seconds,
        "batch_seconds": options.batch_seconds,
        **options.filters(),
        "align": f"{aligner.name} {options_hash(aligner.options)}" if aligner else None,
    }


def _compare(options: PrepareOptions, components: PreparationComponents) -> None:
    wanted = _settings(options, components)
    found, stored = read_settings(options.out)
    if "piece_seconds" in found:
        raise UserError(
            f"noise '{options.out}' was prepared by an older valle: it can be trained with, but not added to. "
            "Choose another --out"
        )
    found = {**PrepareOptions().filters(), **found}
    identity.require_same(stored, components.codec.identity, f"dataset '{options.out}' holds codes of")
    for name, value in wanted.items():
        if name == "frontend_options" and found.get(name, value) != value:
            raise UserError(
                f"dataset '{options.out}' was prepared with other options of frontend '{components.frontend_name}' "
                f"(or another tokenizer). Use the same, or choose another --out"
            )
        if found.get(name, value if name == "frontend_options" else None) != value:
            raise UserError(
                f"dataset '{options.out}' was prepared with {name} {found.get(name)!r}, asked for {value!r}. "
                f"Use the same, or choose another --out"
            )


def read_settings(out: Path) -> tuple[dict[str, Any], CodecIdentity]:
    """What a folder was begun with, and the codec in it. Raises `UserError` where it is damaged or of a newer valle."""
    path = out / SETTINGS
    try:
        found = {**read_json(path)}
        version = found["format_version"]
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise UserError(f"'{path}' has format_version {version}, this valle reads {FORMAT_VERSION}. Update valle")
        return found, identity.from_dict(found["codec"], str(path))
    except UserError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"'{path}' cannot be read ({getattr(error, 'strerror', None) or repr(error)}). Choose another --out"
        ) from error


def in_vain(out: Path) -> bool:
    """Whether all that was begun here ended with every recording left out."""
    if (out / MANIFEST).exists() or (out / SOURCES).exists() or (plan := read_plan(out)) is None:
        return False
    journal = Journal(out, plan)
    return not journal.missing(plan.numbers) and all(outcome.rejection for outcome in journal.outcomes())


def is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing but what a killed writer left."""
    return folder.is_dir() and all(
        path.name == LOCKS or (path.name.startswith(".") and path.suffix == ".tmp") for path in folder.iterdir()
    )
