"""What `valle serve` can be configured with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from valle_core.plugin import UserError

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, kw_only=True, slots=True)
class ServeOptions:
    """Where it is reached, and what it allows.

    Attributes:
        host: address to listen at; another than this machine's own needs --api-key-file or --without-key.
        port: port to listen at; 0: any free one, which is printed.
        api_key_file: text file with one key a line, of which clients send one; left out: no key is asked for.
        without_key: let everybody in who reaches the address.
        allow_host: name by which clients reach the server, beside its address; may be repeated.
        allow_origin: page elsewhere (https://NAME) that may use the server from a browser; may be repeated.
        voices: folder of saved voices; left out: the user's own.
        uploads: let clients add and remove voices.
        max_input: longest text in characters.
        max_duration: longest sentence in seconds; longer output is truncated.
        max_body: largest request in megabytes, recordings included.
        speaking: most requests that are spoken at once.
        waiting: most requests that wait beside them; more are refused as busy (503).
        wait_seconds: longest wait of a request for its turn.
        timeout: longest wait for the next piece of a speech, and for a client to send or take bytes, in seconds.
    """

    host: str = "127.0.0.1"
    port: int = 8880
    api_key_file: Path | None = None
    without_key: bool = False
    allow_host: tuple[str, ...] = ()
    allow_origin: tuple[str, ...] = ()
    voices: Path | None = None
    uploads: bool = True
    max_input: int = 4096
    max_duration: float = 20.0
    max_body: int = 25
    speaking: int = 16
    waiting: int = 64
    wait_seconds: float = 30.0
    timeout: float = 60.0

    def __post_init__(self) -> None:
        whole = {
            "port": (0, 65_535),
            "max_input": (1, 1_000_000),
            "max_body": (1, 1000),
            "speaking": (1, 1000),
            "waiting": (0, 10_000),
        }
        for name, (least, most) in whole.items():
            if not least <= getattr(self, name) <= most:
                raise UserError(f"{name} must be in [{least}, {most}], got {getattr(self, name)}")
        for name, least, most in (("max_duration", 0, 3600), ("wait_seconds", 0, 3600), ("timeout", 0, 3600)):
            if not least < getattr(self, name) <= most:
                raise UserError(f"{name} must be in ({least}, {most}] seconds, got {getattr(self, name):g}")
        if not self.host or self.host != self.host.strip():
            raise UserError(f"host must be an address or a name, got {self.host!r:.80}")
        if self.host not in LOOPBACK and self.api_key_file is None and not self.without_key:
            raise UserError(
                f"at {self.host} others than this machine may reach the server; give --api-key-file FILE, or "
                f"--without-key to let everybody in"
            )

    def keys(self) -> tuple[str, ...]:
        """The keys of the file. Raises `UserError` where it cannot be read or holds none."""
        if self.api_key_file is None:
            return ()
        try:
            lines = self.api_key_file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise UserError(f"--api-key-file {self.api_key_file} cannot be read ({why}); give a text file") from None
        keys = tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))
        if not keys:
            raise UserError(f"--api-key-file {self.api_key_file} holds no key; write one a line")
        short = [key for key in keys if len(key) < 8]
        if short:
            raise UserError(f"a key of --api-key-file must be at least 8 characters long, got {len(short[0])}")
        return keys

    def hosts(self) -> tuple[str, ...]:
        """Names by which it may be reached; () for all, where it listens to more than this machine."""
        if self.host not in LOOPBACK and not self.allow_host:
            return ()
        return (
            *("127.0.0.1", "localhost", "[::1]"),
            *self.allow_host,
            *(() if self.host in LOOPBACK else (self.host,)),
        )
