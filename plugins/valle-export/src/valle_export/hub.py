"""Exported folders to and from the Hub of Hugging Face; nothing is asked of it but by `valle push` and `valle pull`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from valle_core.api import UserError, read_checkpoint_tensors, read_manifest

KINDS = ("*.safetensors", "*.json", "*.yaml", "*.md", "*.onnx", "*.gguf", "codec/**")
"""What is taken of a repository: nothing that loading would run."""
NEVER = ("*.py", "*.pkl", "*.pickle", "*.bin", "*.pt", "*.pth", "*.ckpt", "*.so")
_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
INSTALL = "valle plugins install 'valle-export[hub]'"


def push(folder: Path, repository: str, *, private: bool, message: str) -> str:
    """Upload an exported folder, making the repository where it is not there; its address.

    Raises:
        UserError: not an exported folder, no such name, or the Hub refuses.
    """
    refuse_unfit(folder)
    check_name(repository)
    with with_reasons(repository):
        from huggingface_hub import HfApi

        api = HfApi(library_name="valle")
        address = api.create_repo(repository, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=address.repo_id, folder_path=folder, commit_message=message, ignore_patterns=list(NEVER)
        )
    return str(address)


def pull(repository: str, out: Path, *, revision: str) -> Path:
    """Download a repository's model into `out`, an empty folder, and check that it is whole.

    Raises:
        UserError: no such repository or revision, the Hub does not answer, or it holds no model of valle.
    """
    check_name(repository)
    with with_reasons(repository):
        from huggingface_hub import snapshot_download

        snapshot_download(
            repository,
            revision=revision or None,
            local_dir=out,
            allow_patterns=list(KINDS),
            ignore_patterns=list(NEVER),
            library_name="valle",
        )
    if not (out / "manifest.json").is_file():
        raise UserError(f"{repository} holds no model of valle (no manifest.json); name another repository")
    read_manifest(out)
    read_checkpoint_tensors(out, "model")
    return out


def refuse_unfit(folder: Path) -> None:
    """Raises `UserError` unless `folder` is what `valle export` wrote."""
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}. Make it with: valle export RUN --out {folder}")
    if (folder / "checkpoints").is_dir():
        raise UserError(f"{folder} is a run, with paths of this machine. Export it: valle export {folder} --out FOLDER")
    if not (folder / "README.md").is_file() or not (folder / "plugins.json").is_file():
        raise UserError(f"{folder} has no model card or list of plugins. Make it with: valle export RUN --out FOLDER")


def check_name(repository: str) -> None:
    """Raises `UserError` for what cannot be the name of a repository."""
    if not _NAME.fullmatch(repository) or ".." in repository:
        raise UserError(f"'{repository}' is not the name of a repository; it is OWNER/NAME, e.g. anna/first-voice")


@contextmanager
def with_reasons(repository: str) -> Iterator[None]:
    """What the Hub's client raises, as one line."""
    try:
        yield
    except UserError:
        raise
    except ModuleNotFoundError as error:
        if error.name != "huggingface_hub":
            raise
        raise UserError(f"the Hub needs huggingface_hub. Install it with: {INSTALL}") from error
    except Exception as error:
        name, first = type(error).__name__, " ".join(str(error).split())[:200]
        hints = {
            "LocalTokenNotFoundError": "log in with: hf auth login",
            "RepositoryNotFoundError": "it does not exist, or is private: log in with: hf auth login",
            "RevisionNotFoundError": "there is no such revision",
            "GatedRepoError": "its owner must give you access",
        }
        reason = hints.get(name) or f"{name}: {first}"
        raise UserError(f"{repository}: {reason}") from error
