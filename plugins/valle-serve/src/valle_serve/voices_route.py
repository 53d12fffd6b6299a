"""`/v1/audio/voices`: which voices there are, a new one of a recording, and one that is removed."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, File, Form, UploadFile

from valle_core.api import UserError
from valle_serve.errors import Refused
from valle_serve.interface import Service, VoiceFacts

CONSENT = ("true", "yes", "1", "on")
"""What says that the speaker agreed."""


def voices_route(service: Service, *, uploads: bool) -> APIRouter:
    """The routes; without `uploads` voices are neither added nor removed."""
    router = APIRouter(tags=["voices"])

    @router.get("/v1/audio/voices", operation_id="voices")
    async def voices() -> dict[str, Any]:
        """The voices; `voices` is the same list, where some clients look."""
        found = await anyio.to_thread.run_sync(service.voices)
        listed = [described(name, facts) for name, facts in found.items()]
        return {"object": "list", "data": listed, "voices": listed}

    @router.post(
        "/v1/audio/voices", status_code=201, operation_id="add_voice",
        responses={400: {"description": "Not usable as a voice"}, 403: {"description": "No consent, or not allowed"},
                   413: {"description": "Too large"}},
    )  # fmt: skip
    async def add(
        name: Annotated[str, Form(max_length=64, description="a-z, 0-9, - and _")],
        audio_sample: Annotated[UploadFile, File(description="wav, flac, ogg or mp3; 0.2 to 30 s of one voice")],
        consent: Annotated[str, Form(max_length=100, description="true: the speaker agreed to it")] = "",
        text: Annotated[str, Form(max_length=4096, description="what the recording says")] = "",
        language: Annotated[str, Form(max_length=40)] = "",
        description: Annotated[str, Form(max_length=200, description="how it sounds")] = "",
    ) -> dict[str, Any]:
        """Keep a recording as a voice."""
        if not uploads:
            raise Refused(403, "this server takes no voices; start it with --uploads")
        if consent.strip().lower() not in CONSENT:
            raise Refused(403, "the speaker must have agreed; send consent=true", param="consent")
        content = await audio_sample.read()
        if not content:
            raise Refused(400, "audio_sample is empty", param="audio_sample")
        about = {"text": text, "language": language, "sounds": description}
        facts = await anyio.to_thread.run_sync(keep, service, name, content, about)
        return described(name, facts)

    @router.delete(
        "/v1/audio/voices/{name}", operation_id="remove_voice",
        responses={status: {"description": why} for status, why in
                   ((400, "A voice of the model"), (403, "Not allowed"), (404, "No such voice"))},
    )  # fmt: skip
    async def remove(name: str) -> dict[str, Any]:
        """Remove a voice that was added. What is being spoken with it goes on."""
        if not uploads:
            raise Refused(403, "this server removes no voices; start it with --uploads")
        await anyio.to_thread.run_sync(service.forget, name)
        return {"id": name, "object": "audio.voice.deleted", "deleted": True}

    return router


def described(name: str, facts: VoiceFacts) -> dict[str, Any]:
    """A voice as clients read it."""
    return {
        "id": name,
        "object": "audio.voice",
        "name": name,
        "description": facts.sounds,
        "saved": facts.saved,
    }


def keep(service: Service, name: str, content: bytes, about: Mapping[str, str]) -> VoiceFacts:
    """Keep the bytes of a file, whose name was never looked at, as a voice. Raises `UserError` without a path in it."""
    with tempfile.TemporaryDirectory(prefix="valle-upload-") as folder:
        recording = Path(folder) / "upload"
        recording.write_bytes(content)
        try:
            return service.keep(name, recording, **about)
        except UserError as error:
            raise UserError(str(error).replace(f"'{recording}'", "'audio_sample'")) from None
