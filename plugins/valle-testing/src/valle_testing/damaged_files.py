"""Files that are damaged on purpose: a seeded mutator, and hashes that agree with what was damaged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

Mutate = Callable[[bytes, Random], bytes]
"""A file's content → a damaged one, the same for the same random state."""

HOSTILE: tuple[Any, ...] = (
    *(None, True, -1, 0, 10**30, 1e308, -0.5, "", "x", [], {}, [[]], [1, "a"], {"a": 1}, "\0", "a\nb", "9" * 5000),
    *("../outside", "../../../../etc/passwd", "/etc/passwd", "/dev/zero", "/dev/stdin", ".", "é" * 300, "\ud800"),
    *([["/dev/zero", 0]], ["../outside", 0], ["a", -1], [0] * 50, float("nan"), float("inf")),
)
"""Values that stand where others belong."""


_MARKS = (b"\n", b"\r", b'"', b"\t", b"[", b"{", b"&a *a", b",", b"\xc3", b"\0")


def mutate_bytes(content: bytes, rng: Random) -> bytes:
    """Turn over bits, cut, repeat, insert, blank or replace by extremes, one to four times."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(content) + 1)
        span = rng.choice((1, 1, 2, 4, 8, 16, len(content) // 3))
        rest = content[at + span :]
        content = rng.choice(
            (
                content[:at],
                content[:at] + rest,
                content[:at] + content[at : at + span] * 2 + rest,
                content[:at] + rng.randbytes(span) + rest,
                content[:at] + rng.choice((b"\0", b"\xff", b"\x7f")) * span + rest,
                content[:at] + bytes(byte ^ (1 << rng.randrange(8)) for byte in content[at : at + span]) + rest,
                content[:at]
                + rng.choice((b"\n", b"\r", b'"', b"\t", b"[", b"{", b"&a *a", b",", b"\xc3"))
                + content[at:],
            )
        )
    return content


def mutate_json(content: bytes, rng: Random) -> bytes:
    """Put a hostile value somewhere into one line of JSON (or all of it), drop or rename a key, or nest without end."""
    lines = content.split(b"\n")
    try:
        whole = [json.loads(content)]
        lines = [content]
    except ValueError:
        whole = [_parsed(line) for line in lines]
    place = rng.randrange(len(whole))
    if whole[place] is None:
        return mutate_bytes(content, rng)
    holders = list(_holders(whole[place])) or [whole]
    holder = rng.choice(holders)
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    kind = rng.randrange(8)
    if kind == 0:
        return b"\n".join([*lines[:place], b"[" * 5000, *lines[place + 1 :]])
    if not keys or kind == 1:
        whole[place] = rng.choice(HOSTILE)
    elif kind == 2:
        del holder[rng.choice(keys)]
    elif kind == 3 and isinstance(holder, dict):
        holder[f"{rng.choice(keys)}x"] = rng.choice(HOSTILE)
    else:
        holder[rng.choice(keys)] = rng.choice(HOSTILE)
    lines[place] = json.dumps(whole[place], ensure_ascii=rng.random() < 0.9).encode("utf-8", "replace")
    return b"\n".join(lines)


def mutate_safetensors(content: bytes, rng: Random) -> bytes:
    """Let the header lie (types, shapes, offsets, names, text), or its length, or damage the bytes."""
    length = int.from_bytes(content[:8], "little")
    kind = rng.randrange(4)
    if kind == 0:
        return mutate_bytes(content, rng)
    if kind == 1:
        wrong = rng.choice((0, 1, length - 1, length + 1, len(content), 1 << 40, (1 << 64) - 1))
        return wrong.to_bytes(8, "little") + content[8:]
    header: dict[str, Any] = json.loads(content[8 : 8 + length])
    name = rng.choice(sorted(header))
    if kind == 2 and name != "__metadata__":
        header[name] |= rng.choice(
            (
                {"dtype": rng.choice(("F32", "F64", "BOOL", "I8", "U64", "F8_E4M3", "C64", "X", 3))},
                {"shape": rng.choice(([], [0], [1 << 62, 4], [-1], [1, 1, 1], "x", [[1]]))},
                {"data_offsets": rng.choice(([0, 0], [0, 1 << 60], [-4, 4], [8, 4], [], "x"))},
            )
        )
    else:
        header[rng.choice((name, f"{name}x"))] = header.pop(name)
        text = mutate_json(json.dumps(header).encode(), rng)
        return len(text).to_bytes(8, "little") + text + content[8 + length :]
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _holders(value: Any) -> Iterator[Any]:
    """Every list and object in a value."""
    if isinstance(value, dict | list):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from _holders(item)


def hash_again(checkpoint: Path) -> None:
    """Make a checkpoint's manifest agree with the files beside it, as somebody who means harm would."""
    path = checkpoint / "manifest.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    files = {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in checkpoint.iterdir() if one != path}
    path.write_text(json.dumps({**stored, "format_version": 2, "files": files}), encoding="utf-8")
