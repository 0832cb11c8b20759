"""A sample of the differential run: lineage misses no dependency that PostgreSQL shows."""

from __future__ import annotations

from collections.abc import Callable

from lineage.differential import Subject, Tally, check

SAMPLE = range(12)


def test_no_dependency_is_missed(fresh_database: Callable[[], str]) -> None:
    """Other values in one column change no output that lineage does not say depends on it."""
    subject, tally = Subject(fresh_database()), Tally()
    try:
        for seed in SAMPLE:
            check(subject, seed, tally)
    finally:
        subject.connection.close()

    assert tally.misses == []
    assert tally.ran > len(SAMPLE) // 2
    assert tally.depends > 0
