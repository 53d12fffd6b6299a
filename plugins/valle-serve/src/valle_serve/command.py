"""`valle serve`: the command, to be read downwards."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from valle_core.api import SYNTHESIS_SCHEMA, CommandContext, CommandResult, Schema, Section, UserError
from valle_serve.options import ServeOptions

if TYPE_CHECKING:
    from valle import Speaker
    from valle_serve.interface import Service

SCHEMA = Schema(
    SYNTHESIS_SCHEMA.slots,
    (Section("serve", ServeOptions, flat=True, help="Options"), *SYNTHESIS_SCHEMA.sections),
)


def serve(context: CommandContext) -> CommandResult:
    """Serve speech over HTTP until Ctrl-C: OpenAI's addresses under /v1, a page to try it at /.

    Texts are spoken sentence by sentence, those of several clients together. Nothing that a client sends is taken
    for a path. Uploaded recordings are encoded and not kept.
    """
    from valle_serve.app import Limits, make_app

    own: ServeOptions = context.options("serve")
    keys = own.keys()
    listening = bound(own.host, own.port)
    service = opened(context, own)
    limits = Limits(
        keys=keys,
        hosts=own.hosts(),
        origins=own.allow_origin,
        letters=own.max_input,
        most_bytes=own.max_body << 20,
        seconds=own.timeout,
        uploads=own.uploads,
    )
    host, port = (f"[{own.host}]" if ":" in own.host else own.host), listening.getsockname()[1]
    listening.listen(2048)
    context.note(f"serving at http://{host}:{port}; its address for clients is http://{host}:{port}/v1")
    try:
        run(make_app(service, limits), listening)
    finally:
        service.close()
    return CommandResult(text="", facts={"host": own.host, "port": port})


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises `UserError` where it cannot, before a model is loaded."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise UserError(
            f"cannot listen at {host}, port {port}: {error.strerror or error.args[-1]}. Choose another with --port, "
            f"or an address of this machine with --host"
        ) from error
    return made


def opened(context: CommandContext, own: ServeOptions) -> Service:
    """The model, and what lets many speak with it."""
    import torch

    from valle.speaker import open_speaker

    torch.set_num_threads(1)  # several listeners' windows at once, each on a core, instead of each on all
    speaker = open_speaker(
        context.resolved, context.registry, config=context.config, given=context.given, saved=own.voices
    )
    return service_of(speaker, own)


def service_of(speaker: Speaker, own: ServeOptions) -> Service:
    """What lets many speak with a loaded model."""
    from valle_kit.engine import Engine
    from valle_serve.batched import BatchedSpeaker
    from valle_serve.continuous import ContinuousSpeaker
    from valle_serve.saying import SaySentences

    say = SaySentences(max_seconds=own.max_duration)
    limits = {"speaking": own.speaking, "waiting": own.waiting, "wait_seconds": own.wait_seconds}
    if speaker.synthesizer.device.type != "cpu":
        return BatchedSpeaker(speaker, say, **limits)

    def engine(rate: float) -> Engine:
        return Engine(speaker.at(speed=rate), rows=own.speaking)

    return ContinuousSpeaker(speaker, say, engine, sounding=min(os.cpu_count() or 1, own.speaking), **limits)


def run(app: object, listening: socket.socket) -> None:
    """Answer until a signal says to stop; then what is being spoken has ten seconds to end."""
    import uvicorn

    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
        lifespan="off",
    )
    uvicorn.Server(config).run(sockets=[listening])
