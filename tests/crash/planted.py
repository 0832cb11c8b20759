"""`python tests/crash/planted.py`: break the product on purpose, bug after bug; the harness must find each."""

# ruff: noqa: E402
from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

from crash.invariants import Watcher
from crash.plants import PLANTS
from crash.run import Plot, played, told
from crash.stage import Stage
from crash.steps import BY_NAME

SEEDS = 8
"""Seeds in which a bug must show."""
PATIENCE = 6.0
"""Seconds for things to settle: here they are expected not to."""


def caught(stage: Stage, name: str) -> int:
    """How many seeds it took until the right invariant spoke; 0 when it did not."""
    plant = PLANTS[name]
    stage.plant = name
    stage.new_site()
    watcher = Watcher(stage, PATIENCE)
    try:
        for seed in range(SEEDS):
            plot = Plot([*PLANTS].index(name) * SEEDS + seed, BY_NAME[plant.step], 1, plant.fault, (plant.scene,))
            report = played(stage, watcher, plot)
            print(told(report), file=sys.stderr, flush=True)
            if any(found.invariant == plant.found_by for found in report.findings):
                return seed + 1
        return 0
    finally:
        stage.clear()


def main() -> int:
    """0 when every planted bug was found."""
    parser = argparse.ArgumentParser(prog="tests/crash/planted.py", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"one of: {', '.join(PLANTS)}")
    given = parser.parse_args()
    missed = 0
    with tempfile.TemporaryDirectory(prefix="gov-crash-") as directory:
        stage = Stage(Path(directory))
        with stage.unhurt():
            for name in given.names or PLANTS:
                began = time.monotonic()
                seeds = caught(stage, name)
                missed += not seeds
                what = f"found by `{PLANTS[name].found_by}` in seed {seeds}" if seeds else "NOT FOUND"
                print(f"{name:16} {what} ({time.monotonic() - began:.0f} s)", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
