"""The acceptance suite: what every registry adapter must do, as named checks.

`pytest` runs it for each adapter of this project (`tests/adapters/test_acceptance.py`), and an operator for a
registry as it is configured (`yrdhub adapter check NAME`). A check passes, fails with what it saw, or is skipped for
a reason that is said. When the registry cannot be read to its end, one check says so and those that need its records
are skipped. What became of each kind of record is counted beside the checks (`tally.py`).

Checks that write to the registry, take it down or change its schema need a `Trial` that says how; without that they
are skipped, so that the suite may be run against a registry in service.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Final

from adapters.acceptance import answering, instructing, reading, translating
from adapters.acceptance.trial import Check, CheckFailed, Drift, Outcome, Result, Skipped, Spoiled, Trial
from hub.errors import YrdhubError

CHECKS: Final[tuple[Check, ...]] = (*reading.CHECKS, *translating.CHECKS, *instructing.CHECKS, *answering.CHECKS)
"""All checks, in the order in which they are best run: those that take the registry down come last."""


def run_checks(trial: Trial, names: Iterable[str] = ()) -> Iterator[Outcome]:
    """Runs the checks (all, or those named) one after the other."""
    wanted = set(names)
    for check in CHECKS:
        if wanted and check.name not in wanted:
            continue
        started = time.monotonic()
        result, reason, remedy = Result.PASSED, "", ""
        trial.notes.clear()
        try:
            check.run(trial)
        except Skipped as skipped:
            result, reason = Result.SKIPPED, str(skipped)
        except CheckFailed as failed:
            result, reason = Result.FAILED, str(failed)
        except YrdhubError as failed:
            result, reason, remedy = Result.FAILED, str(failed), failed.remedy or ""
        yield Outcome(check, result, reason, time.monotonic() - started, remedy, tuple(trial.notes))


__all__ = ["CHECKS", "Check", "CheckFailed", "Drift", "Outcome", "Result", "Skipped", "Spoiled", "Trial", "run_checks"]
