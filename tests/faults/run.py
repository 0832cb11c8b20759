"""Break the disk under the audit log at every place: `python tests/faults/run.py --seeds 500 [--json]`.

A seed is a story of statements and one fault in it: which system call, on which kind of file, the how-many-th
of them, with which error, once or until it is released. `--all` plays every fault that story `--first` has.
`--plant NAME` breaks gov itself in a known way: the harness must notice.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from errno import EIO, ENOSPC
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faults.calls import HANG, SHORT, Fault
from faults.plants import PLANTS
from faults.story import Broken, run

_HANGS = ("write", "fsync", "open", "rename")
"""Calls that may hang."""


@dataclass
class Result:
    """What came of many stories."""

    stories: int = 0
    faults: int = 0
    """Calls that failed."""
    by_operation: Counter[str] = field(default_factory=Counter)
    findings: list[dict[str, str]] = field(default_factory=list)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "stories": self.stories, "faults": self.faults, "by_operation": dict(sorted(self.by_operation.items())),
            "findings": self.findings, "seconds": round(self.seconds, 1),
        }


def faults(counts: Counter[str]) -> list[Fault]:
    """Every fault that a story with these calls can have."""
    return [
        Fault(operation, occurrence, error, lasting)
        for operation, count in sorted(counts.items())
        for occurrence in range(1, count + 1)
        for error in _errors(operation)
        for lasting in (False, True)
    ]


def _errors(operation: str) -> Iterator[int]:
    yield from (EIO, ENOSPC)
    call = operation.split()[0]
    if call == "write":
        yield SHORT
    if call in _HANGS:
        yield HANG


def play(directory: Path, seed: int, fault: Fault | None, result: Result) -> Counter[str]:
    """One story, with one fault or none; what is found goes into `result`, what it calls comes back."""
    result.stories += fault is not None
    try:
        counts, struck = run(directory, seed, fault)
    except Broken as broken:
        result.findings.append({
            "seed": str(seed), "fault": str(fault or "no fault"), "invariant": broken.invariant, "what": str(broken),
        })
        return Counter()
    if fault is not None:
        result.faults += struck
        result.by_operation[fault.operation] += struck > 0
    return counts


def sample(directory: Path, seeds: range, result: Result, only: str = "") -> None:
    """One fault for each seed: any kind of call alike, or `only` those whose operation begins so."""
    for seed in seeds:
        chance = random.Random(f"the fault of {seed}")
        possible = [each for each in faults(play(directory, seed, None, result)) if each.operation.startswith(only)]
        if possible:
            operation = chance.choice(sorted({each.operation for each in possible}))
            play(directory, seed, chance.choice([each for each in possible if each.operation == operation]), result)


def everything(directory: Path, seed: int, result: Result) -> None:
    """Every fault of one story."""
    for fault in faults(play(directory, seed, None, result)):
        play(directory, seed, fault, result)


def main() -> int:
    """Exit status 0 when nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many stories")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--all", action="store_true", help="every fault of the story of the first seed")
    parser.add_argument("--only", default="", metavar="CALL", help="only faults at these calls: `fsync journal`")
    parser.add_argument("--plant", choices=sorted(PLANTS), help="break gov in this way")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    logging.getLogger("gov").setLevel(logging.CRITICAL)  # what the broker would say of each fault
    result, began = Result(), time.monotonic()
    memory = Path("/dev/shm")
    with (
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as directory,
        PLANTS[given.plant]() if given.plant else nullcontext(),
    ):
        if given.all:
            everything(Path(directory), given.first, result)
        else:
            sample(Path(directory), range(given.first, given.first + given.seeds), result, given.only)
    result.seconds = time.monotonic() - began
    _show(result, as_json=given.json)
    return 1 if result.findings else 0


def _show(result: Result, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result.as_json(), indent=2))
        return
    for finding in result.findings:
        print(f"seed {finding['seed']}, {finding['fault']}: {finding['what']}")
    print(f"{result.stories} stories, {result.faults} calls failed at {len(result.by_operation)} kinds of places,"
          f" {len(result.findings)} findings, {result.seconds:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
