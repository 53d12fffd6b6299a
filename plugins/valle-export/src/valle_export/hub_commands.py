"""`valle push` and `valle pull`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from valle_core.api import CommandContext, CommandResult, Schema, Section


@dataclass(frozen=True, kw_only=True, slots=True)
class PushOptions:
    """What is uploaded, and where to.

    Attributes:
        folder: folder that `valle export` wrote
        repository: OWNER/NAME on the Hub; it is made where it is not there
        private: make a new repository private
        message: commit message
    """

    folder: Path
    repository: str
    private: bool = False
    message: str = "Upload with valle"


@dataclass(frozen=True, kw_only=True, slots=True)
class PullOptions:
    """What is downloaded.

    Attributes:
        repository: OWNER/NAME on the Hub
        out: new folder to write
        revision: branch, tag or commit; left out: the main branch
    """

    repository: str
    out: Path
    revision: str = ""


PUSH_SCHEMA = Schema(
    sections=(Section("push", PushOptions, flat=True, help="Options", positional=("folder", "repository")),)
)
PULL_SCHEMA = Schema(sections=(Section("pull", PullOptions, flat=True, help="Options", positional=("repository",)),))


def push_model(context: CommandContext) -> CommandResult:
    """Upload an exported folder to the Hub of Hugging Face, with its model card.

    The token is the one of `hf auth login` or of HF_TOKEN; HF_ENDPOINT names another Hub.
    """
    from valle_export.hub import push

    own: PushOptions = context.options("push")
    address = push(own.folder, own.repository, private=own.private, message=own.message)
    return CommandResult(text=f"uploaded {own.folder} to {address}", facts={"url": address})


def pull_model(context: CommandContext) -> CommandResult:
    """Download a model from the Hub of Hugging Face into a folder, for `valle synth --model FOLDER`.

    Weights, JSON, YAML and the model card are taken, never code or pickles. Plugins that it needs and that are not
    installed are named.
    """
    from valle_export.hub import pull
    from valle_export.lock import compare, install_line, lock_from
    from valle_export.places import new_folder

    own: PullOptions = context.options("pull")
    with new_folder(own.out) as folder:
        pull(own.repository, folder, revision=own.revision)
    findings = list(compare(lock_from(own.out), context.registry, str(own.out)))
    for one in findings:
        if one.line:
            context.warn(one.line)
    install = install_line(findings, context.registry)
    text = f"{own.out}: {own.repository}" + (f"\ninstall what it needs with: {install}" if install else "")
    return CommandResult(text=text, facts={"out": str(own.out), "install": install})
