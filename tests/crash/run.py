"""`python tests/crash/run.py --seeds 500`: kill something at a named step, look whether every promise still holds.

A seed says everything: the step, which time it comes by, what is killed, and who does what meanwhile.
"""

# ruff: noqa: E402
from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

from crash.invariants import Finding, Watcher
from crash.scenes import Play
from crash.stage import FAILURES, Stage, until
from crash.steps import BY_NAME, FAULTS, STEPS, Fault, Step
from gov.control.access import Kill

SITE_LASTS = 40
"""Seeds that share one state and one log."""
REACHED_WITHIN = 20.0
"""Seconds in which the step must come by."""
MORE = ("reads", "writes", "lends", "alters", "submits", "blocked")


@dataclass(frozen=True, slots=True)
class Plot:
    """What a seed means."""

    seed: int
    step: Step
    occurrence: int
    fault: Fault
    scenes: tuple[str, ...]


@dataclass
class Report:
    """What came of a seed."""

    plot: Plot
    reached: bool
    seconds: float
    findings: list[Finding] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)


def plot(seed: int, only: str = "") -> Plot:
    """The same for the same seed. Successive seeds go through all steps."""
    chance = random.Random(f"plot {seed}")
    step = BY_NAME[only] if only else _deck(seed // len(STEPS))[seed % len(STEPS)]
    fault = chance.choices([*FAULTS], weights=[*FAULTS.values()])[0]
    if step.name.startswith("start."):
        fault = chance.choice(("broker", "broker", "power", "postgres", "cut"))
    scene = chance.choice(step.scenes)
    more = chance.choices(MORE, k=chance.choice((0, 1, 1, 2)))
    # A start comes by once in a broker's life; what comes by often is met the second time too.
    again = chance.random() < 0.2 and not step.name.startswith("start.")
    return Plot(seed, step, 2 if again else 1, fault, (scene, *more))


def _deck(number: int) -> list[Step]:
    return random.Random(f"deck {number}").sample(STEPS, len(STEPS))


def played(stage: Stage, watcher: Watcher, plot: Plot) -> Report:
    """Play one seed and look what is left."""
    began = time.monotonic()
    chance = random.Random(f"play {plot.seed}")
    stage.log_in()
    play = Play(stage, plot.seed, chance)
    stage.close_gate()
    victim = stage.broker_pid
    stage.arm(plot.step.name, plot.occurrence, plot.fault)
    first, *others = [play.begin(scene) for scene in plot.scenes]
    while not stage.hit.is_set() and first.is_alive() and time.monotonic() - began < REACHED_WITHIN:
        stage.hit.wait(0.02)
    for each in others:
        each.join(0.0 if stage.hit.is_set() else 2.0)
    stage.disarm()
    _healed(stage, plot, chance, victim)
    if not play.end():
        play.noted.append("somebody still waits")
    reached = _healed(stage, plot, chance, victim)  # once more: the step may have come by at the last moment
    watcher.lost_power = reached and plot.fault == "power"
    findings = watcher.after(play)
    findings += _emptied(stage, watcher)
    return Report(plot, reached, time.monotonic() - began, findings, play.noted)


def _healed(stage: Stage, plot: Plot, chance: random.Random, victim: int) -> bool:
    """Everything runs again; whether the fault had happened."""
    reached = stage.hit.is_set()
    if reached and plot.fault in ("broker", "power"):  # it is said a moment before it is done
        until(lambda: stage.broker_pid != victim or not stage.broker_runs)
    stage.heal(chance)
    return reached


def _emptied(stage: Stage, watcher: Watcher) -> list[Finding]:
    """Everybody is sent home, so that the next seed begins with nothing."""
    try:
        bob = stage.person("bob")
        if bob.leases(all=True) or bob.requests():
            bob.kill(Kill(user="alice"))
    except FAILURES as error:
        return [Finding("serves", f"{type(error).__name__}: {str(error)[:200]}")]
    return watcher.settled(empty=True)


def told(report: Report) -> str:
    """One line for people."""
    each = report.plot
    what = "ok" if not report.findings else "; ".join(map(str, report.findings[:3]))
    came = "" if report.reached else " (the step did not come by)"
    scenes = "+".join(each.scenes)
    return f"{each.seed:5} {each.fault:8} {each.step.name:26} {scenes:34} {report.seconds:5.1f}s {what}{came}"


def summary(reports: list[Report], seconds: float) -> dict[str, object]:
    """What `--json` prints."""
    reached = Counter(each.plot.step.name for each in reports if each.reached)
    return {
        "seeds": len(reports),
        "seconds": round(seconds, 1),
        "faults": dict(Counter(each.plot.fault for each in reports if each.reached)),
        "steps": len(STEPS),
        "steps_reached": len(reached),
        "steps_missed": sorted(set(BY_NAME) - set(reached)),
        "findings": [
            {"seed": each.plot.seed, "step": each.plot.step.name, "fault": each.plot.fault,
             "invariant": found.invariant, "what": found.what}
            for each in reports for found in each.findings
        ],
    }  # fmt: skip


def main() -> int:
    """0 when every promise held."""
    parser = argparse.ArgumentParser(prog="tests/crash/run.py", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--step", default="", choices=["", *BY_NAME], help="always at this step")
    parser.add_argument("--plant", default="", help="a bug to plant: see plants.py")
    parser.add_argument("--minutes", type=float, default=0, help="stop after so many")
    parser.add_argument("--stop", action="store_true", help="stop at the first finding")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended all the same
    began = time.monotonic()
    reports: list[Report] = []
    with tempfile.TemporaryDirectory(prefix="gov-crash-") as directory:
        stage = Stage(Path(directory), plant=given.plant)
        watcher = Watcher(stage)
        with stage.unhurt():
            for seed in range(given.first, given.first + given.seeds):
                if len(reports) % SITE_LASTS == 0:
                    if stage.broker_runs:
                        stage.kill_broker()
                    stage.new_site()
                report = played(stage, watcher, plot(seed, given.step))
                reports.append(report)
                print(told(report), file=sys.stderr, flush=True)
                if report.findings:
                    for line in report.noted:
                        print(f"        {line}", file=sys.stderr, flush=True)
                    if given.stop:
                        break
                if given.minutes and time.monotonic() - began > given.minutes * 60:
                    break
    result = summary(reports, time.monotonic() - began)
    found = result["findings"]
    assert isinstance(found, list)
    if given.json:
        print(json.dumps(result, indent=1))
    else:
        print(f"{result['seeds']} seeds, {result['steps_reached']} of {result['steps']} steps, {len(found)} findings, "
              f"{result['seconds']} s")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
