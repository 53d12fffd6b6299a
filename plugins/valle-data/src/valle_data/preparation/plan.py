"""How the work that a dataset lacks is cut into parts and encoder batches, written down before it begins.

The cut is a function of the sorted ids of what the last finished dataset lacks and of two sizes, never of what an
interrupted run left or of how many processes share the work.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from valle_core.plugin import UserError
from valle_core.reading.json_text import loads, read_bytes
from valle_core.reading.kinds import check_kinds, is_of
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.shared import create
from valle_data.storage.manifest import Newer

PARTS, PLAN = "parts", "plan.jsonl"
DONE = ".parts.done"
GROUP = 32  # recordings that are encoded together, in batches by length; three groups are in memory at once
GROUP_SECONDS = 960.0  # that such a group may last
VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is to be done.

    Attributes:
        ids: sorted, of all recordings that the last finished dataset lacks.
        part_size: ids of a part, which is stored and remembered as a whole.
        group: ids of a part that are encoded together.
        first: number of the first part; shards of the finished dataset have the numbers below.
        source: whose recordings these are; "" in a plan of an older valle.
    """

    ids: Sequence[str]
    part_size: int
    group: int
    first: int = 0
    source: str = ""

    @classmethod
    def of(cls, ids: Iterable[str], options: PrepareOptions, *, first: int, source: str = "") -> Plan:
        """The plan for these ids in this storage."""
        part_size = options.shard_size if options.storage != "files" else GROUP
        group = max(1, min(GROUP, part_size, int(GROUP_SECONDS / options.max_seconds)))
        return cls(ids=sorted(ids), part_size=part_size, group=group, first=first, source=source)

    def __len__(self) -> int:
        return -(-len(self.ids) // self.part_size)

    @property
    def numbers(self) -> range:
        """Of the parts."""
        return range(self.first, self.first + len(self))

    def part(self, number: int) -> Sequence[str]:
        """Ids of a part."""
        start = (number - self.first) * self.part_size
        return self.ids[start : start + self.part_size]

    def groups(self, number: int) -> Iterator[Sequence[str]]:
        """Ids of a part that are encoded together, one group after another."""
        part = self.part(number)
        return (part[start : start + self.group] for start in range(0, len(part), self.group))

    def share(self, rank: int, world_size: int) -> range:
        """Numbers of the parts that a rank makes."""
        return self.numbers[rank::world_size]

    def digest(self) -> str:
        """Equal for equal plans; parts carry it, so that none of another plan is taken for one of this."""
        return hashlib.sha256(self._text().encode()).hexdigest()[:16]

    def write(self, out: Path) -> bool:
        """Begin; False where another process has begun already."""
        return create(out / PARTS / PLAN, self._text())

    def _text(self) -> str:
        sizes = {"part_size": self.part_size, "group": self.group, "first": self.first}
        source = {"source": self.source} if self.source else {}
        facts = {"format_version": VERSION, **sizes, "ids": len(self.ids), **source}
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in (facts, *self.ids))


def read_plan(out: Path) -> Plan | None:
    """The plan that is being worked on, or None.

    Raises:
        UserError: it is damaged, or of a newer valle.
    """
    path = out / PARTS / PLAN
    try:
        facts, *ids = [loads(line) for line in read_bytes(path).splitlines()]
        if facts["format_version"] != VERSION:
            raise Newer(
                f"'{path}' has format_version {facts['format_version']!r}, this valle reads {VERSION}. Update valle"
            )
        check_kinds(facts, {"part_size": int, "group": int, "first": int, "ids": int})
        if not is_of(ids, (str,)) or len(ids) != facts["ids"]:
            raise ValueError(f"it has {len(ids)} ids, not {facts['ids']}")
        if min(facts["part_size"], facts["group"]) < 1 or facts["first"] < 0:
            raise ValueError(f"its sizes are {facts}")
        sizes = {name: facts[name] for name in ("part_size", "group", "first")}
        return Plan(ids=ids, **sizes, source=str(facts.get("source", "")))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UserError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = getattr(error, "strerror", None) or repr(error)
        raise UserError(
            f"'{path}' is damaged ({why}). Remove the folder '{path.parent}' and run the same command again: "
            "what is finished stays"
        ) from error


def forget_plan(out: Path) -> None:
    """Remove the plan and its parts, once the dataset's own files hold what they say; first all at once by its name."""
    aside = out / DONE
    shutil.rmtree(aside, ignore_errors=True)
    if (out / PARTS).is_dir():
        os.replace(out / PARTS, aside)
    shutil.rmtree(aside, ignore_errors=True)
