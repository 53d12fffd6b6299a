"""Finding recordings: which layout a source has, and what lies in it under ids that are unique and can be stored."""

from __future__ import annotations

from pathlib import Path

from valle_core.audio.wav import SUFFIXES
from valle_core.plugin import UserError
from valle_data.preparation.layouts import recipe
from valle_data.preparation.layouts.known import LAYOUTS
from valle_data.preparation.layouts.layout import Found, Layout
from valle_data.preparation.noise_options import LAYOUT as NOISE
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.recordings import Recording
from valle_data.preparation.voices import with_made_voices

_LONGEST_ID = 1024  # bytes


def find_recordings(options: PrepareOptions) -> Found:
    """Everything in `options.source`, recordings sorted by id, rejections too.

    Raises:
        UserError: the source does not exist, is not of the layout that is named, or holds no audio.
    """
    source = options.source
    check_source(source)
    if options.recipe is None:
        layout = choose_layout(source, options.layout)
        found = layout.find(source, options)
        found.layout = layout.name
    else:
        if options.layout != "auto":
            raise UserError(f"--recipe {options.recipe} and --layout {options.layout} exclude each other. Give one")
        found = recipe.find(source, options)
        found.layout = f"recipe {options.recipe}"
    if not found.recordings and not found.rejected:
        hint = f"Expected one of: {_all_looks()}" if options.layout == "auto" else f"Looked for {layout.looks_for}"
        raise UserError(f"no recordings in '{source}' ({', '.join(SUFFIXES)}). {hint}")
    found.recordings = [*with_made_voices(found.recordings, options.voice_factors)]
    return _storable(found)


def check_source(source: Path) -> None:
    """Raises `UserError` where nothing is."""
    if not source.exists():
        raise UserError(f"recordings '{source}' do not exist: it is not a folder or a table. Check the path")


def choose_layout(source: Path, name: str) -> Layout:
    """The layout of this name, or with `auto` the first that the source matches.

    Raises:
        UserError: no such layout, or the source does not look like it.
    """
    if name == "auto":
        layout = next((layout for layout in LAYOUTS if layout.matches(source)), None)
        if layout is None:
            raise UserError(f"'{source}' is of no known layout. Expected one of: {_all_looks()}")
        return layout
    layout = next((layout for layout in LAYOUTS if layout.name == name), None)
    if layout is None:
        known = ", ".join(layout.name for layout in LAYOUTS)
        raise UserError(f"layout '{name}' is unknown. Choose auto or one of {known}")
    if not layout.matches(source):
        other = next((other.name for other in LAYOUTS if other.matches(source)), None)
        hint = f"It looks like: --layout {other}" if other else f"Expected one of: {_all_looks()}"
        raise UserError(f"'{source}' is not of layout '{name}': looked for {layout.looks_for}. {hint}")
    return layout


def _all_looks() -> str:
    return "; ".join(f"{layout.looks_for} ({layout.name})" for layout in LAYOUTS if layout.name != NOISE)


def _storable(found: Found) -> Found:
    """The same with each id once, and none that could leave the dataset's folder."""
    unique: dict[str, Recording] = {}
    for recording in sorted(found.recordings, key=lambda recording: (recording.id, str(recording.audio))):
        if why := _fault(recording.id):
            found.reject(recording.id[:_LONGEST_ID], "bad-id", f"the id of '{recording.audio}' {why}")
            continue
        first = unique.setdefault(recording.id, recording)
        if first is not recording:
            detail = f"'{recording.audio}' has the name of '{first.audio}'. Rename one of them"
            found.reject(f"{recording.id}{recording.audio.suffix}", "same-name", detail)
    found.recordings = list(unique.values())
    found.rejected.sort(key=lambda rejection: rejection.id)
    return found


def _fault(id: str) -> str:
    """What keeps an id from being a path inside of a folder; empty where nothing does."""
    if len(id.encode()) > _LONGEST_ID:
        return f"has more than {_LONGEST_ID} bytes"
    if "\0" in id or any(part in ("", ".", "..") for part in id.split("/")):
        return f"is not a path inside of a folder: {id!r}"
    return ""
