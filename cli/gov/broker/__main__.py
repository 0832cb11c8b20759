"""`python -m gov.broker --config broker.yaml`: the daemon in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from gov.broker.config import load
from gov.broker.serve import serve
from gov.errors import GovError

try:
    from uvloop import new_event_loop
except ImportError:  # not CPython, or not a Unix
    from asyncio import new_event_loop  # type: ignore[assignment]


def main() -> int:
    """The daemon's exit status."""
    parser = argparse.ArgumentParser(prog="python -m gov.broker", description="The gov broker.")
    parser.add_argument("--config", type=Path, required=True, help="broker.yaml")
    parser.add_argument("--ready-file", type=Path, help="written, as JSON, once it serves")
    given = parser.parse_args()
    # Whoever sends it means a reload; while we start there is nothing to reload yet.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("httpx", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        config = load(given.config)
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(serve(config, ready_file=given.ready_file))
    except GovError as error:
        for line in (f"gov: error: {error.what}", *error.detail.splitlines(), f"gov: hint: {error.hint}"):
            print(line, file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
