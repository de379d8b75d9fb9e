"""The adapter on the small registry that it comes with (`fixtures/`, 示例): every kind, and the acceptance suite."""

from __future__ import annotations

from contextlib import closing

from adapters.acceptance import CHECKS, Result, Trial, run_checks
from adapters.skeleton.files_adapter import create, sample
from adapters.skeleton.mapping import MAPPING
from mutual_recognition import records as canonical

# TODO: what is asserted here is the sample that came with this folder. Once mapping.py speaks of your registry, put a
# sample of it into fixtures/ (labelled 示例, nothing personal), and its own figures here.


def test_every_kind__of_the_mapping__is_in_the_sample_and_becomes_what_it_should() -> None:
    with sample() as settings, closing(create(settings)) as adapter:
        records = [record for page in adapter.read("") for record in page.records]
        assert set(MAPPING.shapes) <= {record.kind for record in records}
        made = [record for native in records for record in adapter.translate(native)]
    kinds = {type(record) for record in made}
    assert {
        canonical.MethodologyFiling,
        canonical.ProjectRegistration,
        canonical.Verification,
        canonical.Issuance,
        canonical.TransferOut,
        canonical.TransferDecision,
        canonical.Retirement,
        canonical.Correction,
    } <= kinds
    issued = [record for record in made if isinstance(record, canonical.Issuance)]
    assert sum(record.quantity_kg for record in issued) == 1_005_000, "the sample's, until fixtures/ is your own"
    assert issued[1].reissue_of == 1  # the first serial of what it replaces, looked up


def test_acceptance_suite__on_the_sample__passes() -> None:
    with sample() as settings:
        trial = Trial(
            open=lambda: create(settings),
            uninteresting=MAPPING.passed_over,
            private=lambda record: create(settings).private_words(record),
        )
        outcomes = list(run_checks(trial))
    assert len(outcomes) == len(CHECKS)
    failed = {outcome.check.name: outcome.reason for outcome in outcomes if outcome.result is Result.FAILED}
    assert not failed
