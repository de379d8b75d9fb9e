"""Filing in a city registry: methodologies, projects with their assets, accounts, and the registry's numbers."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta, timezone

from adapters.sandbox import requests as ask
from adapters.sandbox.city import CityProfile
from adapters.sandbox.errors import conflict
from adapters.sandbox.records import KIND_OF, Account, Methodology, Project, Record, edited
from adapters.sandbox.storage import Storage
from adapters.sandbox.units import Units

SHANGHAI_TIME = timezone(timedelta(hours=8))


class Filing:
    """The filing desk of one city's registry over one database."""

    def __init__(self, city: CityProfile, storage: Storage) -> None:
        self.city = city
        self.storage = storage
        self.units = Units(storage)

    def now(self) -> datetime:
        """The registry's own clock (a fault may set it wrong), aware."""
        return self.storage.clock()

    def today(self) -> date:
        """The registry's calendar day in Asia/Shanghai."""
        return self.now().astimezone(SHANGHAI_TIME).date()

    def _number(self, record_type: type[Record], given: str = "") -> str:
        kind = KIND_OF[record_type]
        if not given:
            number = self.storage.next_number(kind)
            return self.city.number(kind, number)
        if self.storage.find(record_type, given) is not None:
            raise conflict("NUMBER_TAKEN", f"{kind} {given!r} is already filed", field="native_id", value=given)
        return given

    # --- filing

    def file_methodology(self, filing: Methodology) -> Methodology:
        """方法学备案. The native id is CODE/VERSION; a version is filed once."""
        digest = hashlib.sha256(filing.document.encode()).hexdigest()
        with self.storage.transaction():
            native_id = self._number(Methodology, f"{filing.code}/{filing.version}")
            record = filing.model_copy(update={"native_id": native_id, "document_sha256": digest})
            self.storage.put(record, "file")
        return record

    def edit_methodology(self, edit: ask.EditMethodology) -> Methodology:
        """Change a filing (its status, validity or text)."""
        with self.storage.transaction():
            changed = edited(self.storage.get(Methodology, edit.native_id), edit.changes)
            digest = hashlib.sha256(changed.document.encode()).hexdigest()
            changed = changed.model_copy(update={"document_sha256": digest})
            self.storage.put(changed, "edit")
        return changed

    def register_project(self, project: Project) -> Project:
        """Register a project. An asset serves one project; the methodology must be filed here."""
        with self.storage.transaction() as db:
            methodology = self.storage.get(Methodology, project.methodology)
            if methodology.status != "filed":
                raise conflict(
                    "METHODOLOGY_NOT_IN_FORCE",
                    f"methodology {methodology.native_id} is {methodology.status}",
                    field="methodology",
                    value=methodology.native_id,
                )
            record = project.model_copy(update={"native_id": self._number(Project, project.native_id)})
            self._claim_assets(record)
            self.storage.put(record, "register")
            if (
                db.execute("SELECT 1 FROM record WHERE kind='account' AND native_id=?", (record.uscc,)).fetchone()
                is None
            ):
                self.open_account(ask.OpenAccount(native_id=record.uscc, name=record.proponent, uscc=record.uscc))
        return record

    def edit_project(self, edit: ask.EditProject) -> Project:
        """Change a registered project; assets are checked again."""
        with self.storage.transaction() as db:
            changed = edited(self.storage.get(Project, edit.native_id), edit.changes)
            db.execute("DELETE FROM asset WHERE project = ?", (edit.native_id,))
            self._claim_assets(changed)
            self.storage.put(changed, "edit")
        return changed

    def _claim_assets(self, project: Project) -> None:
        with self.storage.transaction() as db:
            for asset in project.assets:
                taken = db.execute("SELECT project FROM asset WHERE asset = ?", (asset,)).fetchone()
                if taken:
                    raise conflict(
                        "ASSET_TAKEN",
                        f"asset {asset} already serves project {taken['project']}",
                        field="assets",
                        value=asset,
                    )
                db.execute("INSERT INTO asset VALUES (?, ?)", (asset, project.native_id))

    def open_account(self, request: ask.OpenAccount) -> Account:
        """Open an account."""
        with self.storage.transaction():
            record = Account(native_id=self._number(Account, request.native_id), name=request.name, uscc=request.uscc)
            self.storage.put(record, "open")
        return record
