"""`--recipe NAME`: one of lhotse's corpus recipes reads the folder; lhotse is imported when one is asked for."""

from __future__ import annotations

import difflib
import inspect
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from valle_core.plugin import UserError
from valle_data.preparation.layouts.layout import Found
from valle_data.preparation.layouts.supervisions import add_cuts, add_part
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.recordings import plain

_PREFIX = "prepare_"


def find(source: Path, options: PrepareOptions) -> Found:
    """What `lhotse.recipes.prepare_NAME(source, …)` returns; the names of its parts are the groups.

    Parts inside of parts are joined: `en/test` → `en-test`. Nothing is downloaded.

    Raises:
        UserError: lhotse is not installed, the recipe is unknown, needs more than a folder, or fails on this one.
    """
    name = str(options.recipe).lower().replace("-", "_")
    recipe = _recipe(name)
    with tempfile.TemporaryDirectory(prefix="valle-recipe-") as scratch:
        made = _run(recipe, name, source, options, Path(scratch))
        found, speaker = Found(), plain(source.resolve().name)
        parts = list(_parts(made, ()))
        for path, sets in parts:
            group = "-".join(path)
            if "cuts" in sets:
                cuts = [cut.to_dict() for cut in sets["cuts"]]
                add_cuts(found, group, cuts, folder=Path.cwd(), name=speaker)
            elif "supervisions" in sets and "recordings" in sets:
                recordings, supervisions = (
                    [one.to_dict() for one in sets[kind]] for kind in ("recordings", "supervisions")
                )
                add_part(found, group, recordings, supervisions, folder=Path.cwd(), name=speaker)
            else:
                found.notes.append(f"part '{group}' of recipe '{name}' has no supervisions and is not used")
    if not found.recordings and not found.rejected:
        raise UserError(_nothing(name, source, "it returned no utterances"))
    return found


def _recipe(name: str) -> Callable[..., Any]:
    try:
        from lhotse import recipes
    except ImportError as error:
        raise UserError(f"--recipe needs lhotse ({error}). Install it with: pip install lhotse urllib3") from error
    known = sorted(each.removeprefix(_PREFIX) for each in dir(recipes) if each.startswith(_PREFIX))
    if name not in known:
        near = difflib.get_close_matches(name, known, 4, 0.5) or [each for each in known if each.startswith(name[:3])]
        hint = f"Nearest: {', '.join(near)}" if near else f"lhotse has {', '.join(known)}"
        raise UserError(f"lhotse has no recipe '{name}'. {hint}")
    return getattr(recipes, _PREFIX + name)


def _run(recipe: Callable[..., Any], name: str, source: Path, options: PrepareOptions, scratch: Path) -> Any:
    first, *others = inspect.signature(recipe).parameters.values()
    given = dict(options.recipe_options)
    if unknown := sorted(set(given) - {one.name for one in others}):
        raise UserError(f"recipe '{name}' has no option {unknown[0]}. It has {', '.join(one.name for one in others)}")
    for one in others:
        required = one.default is inspect.Parameter.empty
        if one.name == "num_jobs":
            given.setdefault("num_jobs", options.jobs)
        elif one.name == "output_dir" and required:
            given.setdefault("output_dir", scratch)
        elif required and one.name not in given:
            hint = f"--recipe-options '{{{one.name}: VALUE}}'"
            raise UserError(f"recipe '{name}' needs {one.name} beside {first.name}. Give it: {hint}")
    try:
        return recipe(source, **given)
    except Exception as error:  # a recipe fails in any way where its corpus is not as it expects
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise UserError(_nothing(name, source, reason[0])) from error


def _nothing(name: str, source: Path, why: str) -> str:
    return (
        f"recipe '{name}' cannot use '{source}': {why.rstrip('. ')}. valle downloads nothing: get the corpus first "
        f"(where its licence allows: lhotse download {name.replace('_', '-')} FOLDER) and name its folder"
    )


def _parts(made: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Each set of manifests in nested dictionaries or tuples; told by their types, for a recipe may swap the names."""
    from lhotse import CutSet, RecordingSet, SupervisionSet

    kinds = {"recordings": RecordingSet, "supervisions": SupervisionSet, "cuts": CutSet}
    values = list(made.values()) if isinstance(made, Mapping) else list(made) if isinstance(made, tuple) else []
    sets = {kind: one for one in values for kind, type_ in kinds.items() if isinstance(one, type_)}
    if sets:
        yield path, sets
    elif isinstance(made, Mapping):
        for key, value in made.items():
            yield from _parts(value, (*path, plain(str(key))))
