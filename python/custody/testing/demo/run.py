"""Starts the stack, runs the scenario, compares, reports; leaves everything running when that is asked."""

from __future__ import annotations

import json as json_module
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from custody.errors import CustodyError
from custody.testing.demo.backend_process import BackendProcess
from custody.testing.demo.comparison import Comparison, compare
from custody.testing.demo.going_on import how_to_go_on
from custody.testing.demo.items import Kind, Plan, make_plan
from custody.testing.demo.report import print_table, problems, report_object
from custody.testing.demo.scenario import Scenario, Tally
from custody.testing.demo.timeline import Timeline
from custody.testing.demo.watch import Watch
from custody.testing.stack import CustodyStack

__all__ = ["run"]

BLOCK_TIME_S = 1.0
LEAST = 24
"""Fewer withdrawals would not fill every part of the story."""


def run(withdrawals: int = 500, json: bool = False, keep: bool = False, out: Path | None = None) -> int:
    """The exit status: 0 only if everything holds. `out` must be empty or not there."""
    if withdrawals < LEAST:
        print(f"custody demo: at least {LEAST} withdrawals are needed", file=sys.stderr)
        return 2
    if out is not None and out.exists() and any(out.iterdir()):
        print(f"custody demo: {out} is not empty: name a new folder", file=sys.stderr)
        return 2
    plan = make_plan(withdrawals, BLOCK_TIME_S)
    timeline = Timeline(silent=json)
    directory = out or (Path(tempfile.mkdtemp(prefix="custody-demo-")) if keep else None)
    try:
        return _run(plan, timeline, json, keep, directory)
    except (CustodyError, RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(f"custody demo: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(plan: Plan, timeline: Timeline, as_json: bool, keep: bool, directory: Path | None) -> int:
    with ExitStack() as undo:
        with timeline:
            stack = CustodyStack(directory, plan.shape, say=timeline.say, keep=keep)
            undo.enter_context(stack)
            timeline.say(
                f"everything is up; the wallets are in the ledger; logs in {stack.directory / 'logs'}"
            )
            tally, found = _play(plan, stack, timeline)
        told = report_object(plan, tally, found, timeline.seconds)
        wrong = problems(told, tally, found)
        if as_json:
            print(json_module.dumps(told))
        else:
            print_table(told, found)
            if not wrong:
                print("Everything holds.")
        for problem in wrong:
            print(f"DOES NOT HOLD: {problem}", file=sys.stderr)
        if keep:
            guide = how_to_go_on(stack)
            print(guide, file=sys.stderr if as_json else sys.stdout)
        return 1 if wrong else 0


def _play(plan: Plan, stack: CustodyStack, timeline: Timeline) -> tuple[Tally, Comparison]:
    plan.write(stack.directory / "items.json")
    with ExitStack() as undo:
        client = undo.enter_context(stack.client())
        backend = BackendProcess(stack.directory)
        undo.callback(backend.close)
        watch = Watch(stack, client, timeline)
        tally = Scenario(stack, plan, backend, watch, timeline).run()
        taken = [
            plan.items[place]
            for place, answer in sorted(tally.outcomes.items())
            if answer["outcome"] in ("ACCEPTED", "HELD")
        ]
        for item in taken:
            tally.expect(item.kind is Kind.GOOD, f"{item.reference} was accepted although {item.kind}")
        timeline.say("reading every transaction of the chain")
        return tally, compare(stack, taken, watch.listed())
