"""From lhotse's manifests, as the dictionaries they are stored as, to recordings."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from valle_data.preparation.layouts.layout import Found
from valle_data.preparation.layouts.naming import missing_folder
from valle_data.preparation.recordings import Recording, plain
from valle_language.tags import normal_tag

Manifest = Mapping[str, Any]
"""One recording, supervision or cut as lhotse's `to_dict` makes it."""

_NAMES = {
    "english": "en", "french": "fr", "german": "de", "spanish": "es", "italian": "it", "portuguese": "pt",
    "dutch": "nl", "polish": "pl", "chinese": "cmn", "mandarin": "cmn", "cantonese": "yue", "japanese": "ja",
    "korean": "ko", "russian": "ru", "arabic": "ar", "czech": "cs", "turkish": "tr", "vietnamese": "vi",
}  # fmt: skip
"""Languages that recipes name in English → tags; `--language en-gb` still says which English."""

_HARMLESS = ("Resample",)
"""Changes of a recording that leave its times and its sound as they are in the file."""


def add_part(
    found: Found,
    group: str,
    recordings: Iterable[Manifest],
    supervisions: Iterable[Manifest],
    *,
    folder: Path,
    name: str,
) -> None:
    """Add each supervision as an utterance `{group}/{its id}`.

    Args:
        found: receives them, and a rejection for each supervision without audio and each recording without one.
        group: empty for none.
        recordings, supervisions: of one part of a corpus.
        folder: what relative paths of audio begin at.
        name: of the speaker where no supervision of the part names one.
    """
    known = {str(recording["id"]): recording for recording in recordings}
    listed = list(supervisions)
    nameless = not any(supervision.get("speaker") for supervision in listed)
    spoken = set()
    for supervision in listed:
        id = _id(group, supervision.get("id"))
        recording = known.get(str(supervision.get("recording_id")))
        spoken.add(str(supervision.get("recording_id")))
        speaker = supervision.get("speaker") or (name if nameless else None)
        if recording is None:
            found.reject(id, "no-audio", f"supervision '{id}' is of a recording that the manifest does not hold")
        elif not speaker:
            found.reject(id, "no-speaker", f"supervision '{id}' names no speaker, though others do")
        else:
            _add(found, id, str(speaker), recording, supervision, folder)
    for missing in sorted(set(known) - spoken):
        found.reject(_id(group, missing), "no-transcript", f"recording '{missing}' has no supervision")
    if nameless and listed:
        found.notes.append(f"no speaker is named in {group or 'the manifest'}: all are taken as one, '{name}'")


def add_cuts(found: Found, group: str, cuts: Iterable[Manifest], *, folder: Path, name: str) -> None:
    """Add the supervisions of cuts, whose times count from the start of the cut."""
    recordings: dict[str, Manifest] = {}
    supervisions: list[Manifest] = []
    for cut in cuts:
        recording = cut.get("recording")
        id = _id(group, cut.get("id"))
        if cut.get("type") not in ("MonoCut", "MultiCut", "Cut") or not isinstance(recording, Mapping):
            why = "has no recording" if cut.get("type") == "MonoCut" else f"is a {cut.get('type')}"
            found.reject(
                id, "unsupported-cut", f"cut '{id}' {why}. Prepare cuts of recordings, not mixed or padded ones"
            )
            continue
        if not cut.get("supervisions"):
            found.reject(id, "no-transcript", f"cut '{id}' has no supervision")
        recordings[str(recording["id"])] = recording
        begin = float(cut.get("start", 0.0))
        for supervision in cut.get("supervisions") or ():
            start = begin + float(supervision["start"])
            moved = {**supervision, "start": start, "recording_id": str(recording["id"])}
            supervisions.append({"channel": cut.get("channel", 0), **moved})
    spoken = {one["recording_id"] for one in supervisions}
    kept = [recording for id, recording in recordings.items() if id in spoken]
    add_part(found, group, kept, supervisions, folder=folder, name=name)


def _add(found: Found, id: str, speaker: str, recording: Manifest, supervision: Manifest, folder: Path) -> None:
    """One supervision with the recording it is of."""
    channels = supervision.get("channel", 0)
    channels = [*channels] if isinstance(channels, list | tuple) else [channels]
    source = next((one for one in recording["sources"] if set(channels) <= set(one["channels"])), None)
    changes = [str(one.get("name", one)) for one in recording.get("transforms") or () if isinstance(one, Mapping)]
    if source is None or source["type"] != "file":
        what = f"source '{source['type']}'" if source else f"channels {channels} in several sources"
        found.reject(id, "unsupported-source", f"the audio of '{id}' is {what}. Only files can be read")
        return
    if changed := [name for name in changes if name not in _HARMLESS]:
        found.reject(id, "unsupported-source", f"the audio of '{id}' is changed by lhotse ({', '.join(changed)})")
        return
    start, duration = float(supervision.get("start", 0.0)), float(supervision["duration"])
    whole = start < 1e-3 and abs(duration - float(recording["duration"])) < 1e-3
    if start < 0 or duration <= 0:
        found.reject(id, "bad-times", f"supervision '{id}' starts at {start:g} s and lasts {duration:g} s")
        return
    audio = Path(os.path.normpath(folder / source["source"]))
    if not audio.exists():
        found.reject(id, "no-audio", f"the audio of '{id}' is not there: '{audio}' does not exist")
        if (lost := missing_folder(str(audio.parent))) is not None:
            found.lost[id] = lost
        return
    custom = supervision.get("custom") or {}
    normalised = custom.get("normalized_text")
    places = tuple(source["channels"].index(channel) for channel in channels)
    found.recordings.append(
        Recording(
            id=id,
            speaker=plain(speaker),
            audio=audio,
            text=normalised if isinstance(normalised, str) and normalised.strip() else supervision.get("text") or "",
            language=_tag(supervision.get("language")),
            tone=custom["tone"] if isinstance(custom.get("tone"), str) else None,
            start=None if whole else start,
            end=None if whole else round(start + duration, 8),
            channels=() if len(places) == len(source["channels"]) else places,
        )
    )


def _id(group: str, id: Any) -> str:
    return f"{group}/{plain(str(id))}" if group else plain(str(id))


def _tag(language: Any) -> str | None:
    if not isinstance(language, str) or not language.strip():
        return None
    return _NAMES.get(language.strip().lower(), normal_tag(language))
