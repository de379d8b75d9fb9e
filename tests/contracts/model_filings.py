"""The model's Methodologies and Projects: filings, registrations, claims on assets, other mechanisms (L3, L6)."""

from __future__ import annotations

from typing import NamedTuple

from tests.contracts import ids
from tests.contracts.ids import FIRST_PROGRAMME, NO_ID, ZERO
from tests.contracts.model_consortium import ConsortiumModel
from tests.contracts.model_state import Call, Journal, Table, Why

FILED, SUPERSEDED, WITHDRAWN, SUSPENDED = 1, 2, 3, 4
REGISTERED, PROJECT_WITHDRAWN, PROJECT_SUSPENDED = 1, 2, 3
FROZEN, CANCELLED_LOCK, RELEASED = 1, 2, 3


class MethodologyRow(NamedTuple):
    status: int
    before: int
    holds: int
    filed_at: int
    valid_from: int
    valid_until: int
    supersedes: bytes


class ProjectRow(NamedTuple):
    methodology: bytes
    status: int
    before: int
    holds: int
    mechanism: int
    start: int
    end: int
    revision: int


class LockRow(NamedTuple):
    project: bytes
    status: int
    mechanism: int


NO_METHODOLOGY = MethodologyRow(0, 0, 0, 0, 0, 0, NO_ID)
NO_PROJECT = ProjectRow(NO_ID, 0, 0, 0, 0, 0, 0, 0)
NO_LOCK = LockRow(NO_ID, 0, 0)


class FilingsModel(ConsortiumModel):
    """Tables and operations of Methodologies and Projects."""

    def __init__(self, journal: Journal, address: str, registers: list[str]) -> None:
        super().__init__(journal, address, registers)
        self.methodologies: Table[bytes, MethodologyRow] = Table(journal, "methodologies", NO_METHODOLOGY)
        self.projects: Table[bytes, ProjectRow] = Table(journal, "projects", NO_PROJECT)
        self.claimants: Table[bytes, bytes] = Table(journal, "claimants", NO_ID)
        self.locks: Table[bytes, LockRow] = Table(journal, "locks", NO_LOCK)
        self.requests: Table[tuple[int, bytes], bool] = Table(journal, "requests", False)

    # ---------------------------------------------------------------- methodologies

    def Methodologies_file(self, call: Call) -> None:
        member, filing = call.args
        native, earlier = filing["native"], filing["supersedes"]
        methodology = ids.record_id(ids.METHODOLOGY, member, native)
        why = Why()
        self.why_not_registrar(why, member, call)
        if (
            ZERO in (native, filing["document"])
            or filing["validFrom"] >= filing["validUntil"]
            or (filing["definition"] == ZERO and member < FIRST_PROGRAMME)
        ):
            why.no("FilingInvalid", native)
        if self.methodologies[methodology].status:
            why.no("MethodologyExists", methodology)
        if earlier != NO_ID:
            row = self.methodologies[earlier]
            if not row.status:
                why.no("MethodologyUnknown", earlier)
            else:
                if ids.home_of(earlier) != member:
                    why.no("NotHomeMember", ids.home_of(earlier), member)
                if row.status != FILED:
                    why.no("MethodologyNotUsable", earlier, row.status)
        why.stop()
        if earlier != NO_ID:
            self.methodologies.change(earlier, status=SUPERSEDED)
        self.methodologies[methodology] = MethodologyRow(
            FILED, 0, 0, self.now, filing["validFrom"], filing["validUntil"], earlier
        )

    def Methodologies_withdraw(self, call: Call) -> None:
        methodology = call.args[0]
        row = self.methodologies[methodology]
        why = Why()
        if not row.status:
            why.no("MethodologyUnknown", methodology)
            why.stop()
        self.why_not_registrar(why, ids.home_of(methodology), call)
        if row.status not in (FILED, SUPERSEDED):
            why.no("MethodologyNotUsable", methodology, row.status)
        why.stop()
        self.methodologies.change(methodology, status=WITHDRAWN)

    def Methodologies_suspend(self, call: Call) -> None:
        self.ballot_of(call)
        row = self.methodologies[call.args[0]]
        why = Why()
        if not row.status:
            why.no("MethodologyUnknown", call.args[0])
        if row.status == SUSPENDED:
            why.no("MethodologyNotUsable", call.args[0], row.status)
        why.stop()
        self.methodologies.change(call.args[0], status=SUSPENDED, before=row.status)

    def Methodologies_lift(self, call: Call) -> None:
        self.ballot_of(call)
        row = self.methodologies[call.args[0]]
        why = Why()
        if not row.status:
            why.no("MethodologyUnknown", call.args[0])
        elif row.status != SUSPENDED:
            why.no("MethodologyNotUsable", call.args[0], row.status)
        why.stop()
        self.methodologies.change(call.args[0], status=row.before, before=0)

    def why_methodology_not_open(self, why: Why, methodology: bytes) -> None:
        row = self.methodologies[methodology]
        if not row.status:
            why.no("MethodologyUnknown", methodology)
            return
        if row.status != FILED:
            why.no("MethodologyNotUsable", methodology, row.status)
        if row.holds:
            why.no("MethodologyHeld", methodology)
        if not row.valid_from <= self.now < row.valid_until:
            why.no("MethodologyOutOfDate", methodology, row.valid_from, row.valid_until)

    # ---------------------------------------------------------------- projects

    def Projects_register(self, call: Call) -> None:
        member, registration, assets = call.args
        native, methodology = registration["native"], registration["methodology"]
        project = ids.record_id(ids.PROJECT, member, native)
        start, end = registration["creditingStart"], registration["creditingEnd"]
        why = Why()
        self.why_not_registrar(why, member, call)
        if ZERO in (native, registration["document"], registration["declaration"]):
            why.no("RegistrationInvalid", native)
        self.why_not_crediting(why, start, end)
        if self.projects[project].status:
            why.no("ProjectExists", project)
        self.why_methodology_not_open(why, methodology)
        if ids.home_of(methodology) != member and not self.recognises(member, methodology):
            why.no("MethodologyNotRecognised", methodology, member)
        self.why_not_claimable(why, project, assets)
        why.stop()
        self.projects[project] = ProjectRow(methodology, REGISTERED, 0, 0, 0, start, end, 1)
        for asset in assets:
            self.claimants[asset] = project

    def recognises(self, member: int, methodology: bytes) -> bool:
        raise NotImplementedError

    def why_not_crediting(self, why: Why, start: int, end: int) -> None:
        if end == 0 or start > end:
            why.no("CreditingPeriodInvalid", start, end)

    def why_not_claimable(self, why: Why, project: bytes, assets: list[bytes]) -> None:
        for index, asset in enumerate(assets):
            if asset == ZERO:
                why.no("AssetInvalid", index)
            elif self.claimants[asset] != NO_ID:
                why.no("AssetClaimed", asset, self.claimants[asset])
            elif asset in assets[:index]:
                why.no("AssetClaimed", asset, project)

    def why_project_not_at_home(self, why: Why, project: bytes, call: Call, *, registered: bool) -> ProjectRow:
        row = self.projects[project]
        if not row.status:
            why.no("ProjectUnknown", project)
            why.stop()
        self.why_not_registrar(why, ids.home_of(project), call)
        if registered and row.status != REGISTERED:
            why.no("ProjectNotUsable", project, row.status)
        return row

    def why_request_repeated(self, why: Why, project: bytes, request: bytes) -> None:
        if self.requests[ids.home_of(project), request]:
            why.no("RequestRepeated", request)

    def Projects_amend(self, call: Call) -> None:
        project, revision, document, start, end, _ = call.args
        why = Why()
        row = self.why_project_not_at_home(why, project, call, registered=True)
        if revision != row.revision + 1:
            why.no("RevisionStale", project, revision, row.revision)
        if document == ZERO:
            why.no("DocumentMissing", project)
        self.why_not_crediting(why, start, end)
        why.stop()
        self.projects.change(project, revision=revision, start=start, end=end)

    def Projects_withdraw(self, call: Call) -> None:
        why = Why()
        self.why_project_not_at_home(why, call.args[0], call, registered=True)
        why.stop()
        self.projects.change(call.args[0], status=PROJECT_WITHDRAWN)

    def Projects_claimAssets(self, call: Call) -> None:
        project, assets, request = call.args
        why = Why()
        self.why_project_not_at_home(why, project, call, registered=True)
        self.why_request_repeated(why, project, request)
        self.why_not_claimable(why, project, assets)
        why.stop()
        self.requests[ids.home_of(project), request] = True
        for asset in assets:
            self.claimants[asset] = project

    def Projects_releaseAssets(self, call: Call) -> None:
        project, assets, request = call.args
        why = Why()
        row = self.why_project_not_at_home(why, project, call, registered=False)
        if row.status == PROJECT_SUSPENDED:
            why.no("ProjectNotUsable", project, row.status)
        if row.holds:
            why.no("ProjectHeld", project)
        self.why_request_repeated(why, project, request)
        for index, asset in enumerate(assets):
            if self.claimants[asset] != project or asset in assets[:index]:
                why.no("AssetNotClaimed", asset, project)
        why.stop()
        self.requests[ids.home_of(project), request] = True
        for asset in assets:
            self.claimants[asset] = NO_ID

    def Projects_declareMechanism(self, call: Call) -> None:
        project, mechanism, evidence, request = call.args
        why = Why()
        row = self.why_project_not_at_home(why, project, call, registered=False)
        if mechanism == row.mechanism:
            why.no("MechanismUnchanged", project, mechanism)
        elif mechanism and row.mechanism:
            why.no("ProjectElsewhere", project, row.mechanism)
        if evidence == ZERO:
            why.no("DocumentMissing", project)
        self.why_request_repeated(why, project, request)
        why.stop()
        self.requests[ids.home_of(project), request] = True
        self.projects.change(project, mechanism=mechanism)

    def Projects_freezeExternal(self, call: Call) -> None:
        project, lock, mechanism, evidence, _ = call.args
        why = Why()
        self.why_project_not_at_home(why, project, call, registered=True)
        if lock == ZERO or not mechanism:
            why.no("LockInvalid", lock, mechanism)
        row = self.locks[lock]
        if row.status:
            why.no("LockTaken", lock, row.project, row.status)
        if evidence == ZERO:
            why.no("DocumentMissing", project)
        why.stop()
        self.locks[lock] = LockRow(project, FROZEN, mechanism)

    def _end_lock(self, call: Call, status: int) -> None:
        lock, evidence, _ = call.args
        row = self.locks[lock]
        why = Why()
        if row.status != FROZEN:
            why.no("LockNotFrozen", lock, row.status)
        if row.status:
            self.why_not_registrar(why, ids.home_of(row.project), call)
            if evidence == ZERO:
                why.no("DocumentMissing", row.project)
        why.stop()
        self.locks.change(lock, status=status)

    def Projects_cancelExternal(self, call: Call) -> None:
        self._end_lock(call, CANCELLED_LOCK)

    def Projects_releaseExternal(self, call: Call) -> None:
        self._end_lock(call, RELEASED)

    def Projects_suspend(self, call: Call) -> None:
        self.ballot_of(call)
        row = self.projects[call.args[0]]
        why = Why()
        if not row.status:
            why.no("ProjectUnknown", call.args[0])
        if row.status == PROJECT_SUSPENDED:
            why.no("ProjectNotUsable", call.args[0], row.status)
        why.stop()
        self.projects.change(call.args[0], status=PROJECT_SUSPENDED, before=row.status)

    def Projects_lift(self, call: Call) -> None:
        self.ballot_of(call)
        row = self.projects[call.args[0]]
        why = Why()
        if not row.status:
            why.no("ProjectUnknown", call.args[0])
        elif row.status != PROJECT_SUSPENDED:
            why.no("ProjectNotUsable", call.args[0], row.status)
        why.stop()
        self.projects.change(call.args[0], status=row.before, before=0)

    def why_not_creditable(self, why: Why, project: bytes) -> ProjectRow:
        """New reductions: registered, not held, under no other mechanism, its methodology usable."""
        row = self.projects[project]
        if not row.status:
            why.no("ProjectUnknown", project)
            return row
        if row.status != REGISTERED:
            why.no("ProjectNotUsable", project, row.status)
        if row.holds:
            why.no("ProjectHeld", project)
        if row.mechanism:
            why.no("ProjectElsewhere", project, row.mechanism)
        methodology = self.methodologies[row.methodology]
        if methodology.status not in (FILED, SUPERSEDED):
            why.no("MethodologyNotUsable", row.methodology, methodology.status)
        if methodology.holds:
            why.no("MethodologyHeld", row.methodology)
        return row

    def why_not_usable(self, why: Why, project: bytes) -> None:
        """Credits that exist: the project not suspended and not held, its methodology not held."""
        row = self.projects[project]
        if row.status == PROJECT_SUSPENDED:
            why.no("ProjectNotUsable", project, row.status)
        if row.holds:
            why.no("ProjectHeld", project)
        if self.methodologies[row.methodology].holds:
            why.no("MethodologyHeld", row.methodology)

    Methodologies_batch = ConsortiumModel.batch
    Methodologies_upgradeToAndCall = ConsortiumModel.upgrade
    Projects_batch = ConsortiumModel.batch
    Projects_upgradeToAndCall = ConsortiumModel.upgrade
