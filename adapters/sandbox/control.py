"""The control interface of a sandbox: for the city's operators, the demo and tests. Adapters never use it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from fastapi import Body, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, ValidationError

from adapters.sandbox import requests as ask
from adapters.sandbox.balances import holdings, state
from adapters.sandbox.errors import RegistryRefusal
from adapters.sandbox.faults import Faults
from adapters.sandbox.misbooking import Misbook, misbook
from adapters.sandbox.records import RECORD_TYPES, Methodology, Project
from adapters.sandbox.registry import Registry
from adapters.sandbox.samples import load_samples


class SwitchFault(BaseModel):
    """Switch a fault on; `times` null means until cleared."""

    model_config = ConfigDict(extra="forbid")

    fault: str
    times: int | None = 1
    parameters: dict[str, Any] = {}


class NoFields(BaseModel):
    """An operation that takes nothing."""

    model_config = ConfigDict(extra="forbid")


class Backup(BaseModel):
    """A backup by its name."""

    model_config = ConfigDict(extra="forbid")

    name: str


Operation = tuple[type[BaseModel], Callable[[Any], Any]]


@dataclass(slots=True)
class Control:
    """What the control interface can do: the registry's operations and those of its face (`more`)."""

    registry: Registry
    faults: Faults
    home: Path
    more: dict[str, Operation] = field(default_factory=dict)
    restored: Callable[[], object] = lambda: None
    """What else is done once the registry was restored from a backup."""

    def operations(self) -> dict[str, Operation]:
        """Operation name to (input, function)."""
        registry = self.registry
        return {
            "file-methodology": (Methodology, registry.file_methodology),
            "edit-methodology": (ask.EditMethodology, registry.edit_methodology),
            "register-project": (Project, registry.register_project),
            "edit-project": (ask.EditProject, registry.edit_project),
            "open-account": (ask.OpenAccount, registry.open_account),
            "verify": (ask.Verify, registry.verify),
            "void-verification": (ask.VoidVerification, registry.void_verification),
            "issue": (ask.Issue, registry.issue),
            "move": (ask.Move, registry.move),
            "request-transfer": (ask.RequestTransfer, registry.request_transfer),
            "withdraw-transfer": (ask.WithdrawTransfer, registry.withdraw_transfer),
            "review-transfer": (ask.ReviewTransfer, registry.review_transfer),
            "decide-transfer": (ask.DecideTransfer, registry.decide_transfer),
            "incoming-policy": (ask.IncomingPolicy, registry.incoming_policy),
            "retire": (ask.Retire, registry.retire),
            "correct": (ask.Correct, registry.correct),
            "misfile": (ask.Misfile, registry.misfile),
            "misbook": (Misbook, lambda request: misbook(registry, request)),
            "load-samples": (NoFields, lambda _: load_samples(registry)),
            "backup": (Backup, self._backup),
            "restore": (Backup, self._restore),
            **self.more,
        }

    def _backup_file(self, name: str) -> Path:
        if not name.isidentifier():
            raise RegistryRefusal("BAD_NAME", "a backup's name is letters, digits and _", field="name", value=name)
        return self.home / f"backup-{name}.sqlite"

    def _backup(self, request: Backup) -> dict[str, Any]:
        self.registry.storage.backup_to(self._backup_file(request.name))
        return {"name": request.name, "change_seq": self.registry.storage.latest_seq()}

    def _restore(self, request: Backup) -> dict[str, Any]:
        source = self._backup_file(request.name)
        if not source.is_file():
            raise RegistryRefusal(
                "NO_BACKUP", f"no backup {request.name!r}", field="name", value=request.name, status=404
            )
        self.registry.storage.restore_from(source)
        self.restored()
        return {"name": request.name, "change_seq": self.registry.storage.latest_seq()}


def control_app(control: Control) -> FastAPI:
    """POST /control/<operation>, GET state, holdings, records and health, and the faults."""
    app = FastAPI(title=f"Operators of {control.registry.city.name_en}", docs_url=None, redoc_url=None)
    operations = control.operations()

    @app.exception_handler(RegistryRefusal)
    def refused(_: Request, error: RegistryRefusal) -> JSONResponse:
        return JSONResponse(error.as_dict(), status_code=error.status)

    @app.get("/control/health")
    def health() -> dict[str, Any]:
        return {"status": "ok", "member": control.registry.city.member}

    @app.get("/control/state")
    def read_state() -> dict[str, Any]:
        return state(control.registry)

    @app.get("/control/holdings")
    def read_holdings() -> dict[str, Any]:
        return holdings(control.registry)

    @app.get("/control/records/{kind}")
    def read_records(kind: str) -> list[dict[str, Any]]:
        if kind not in RECORD_TYPES:
            raise RegistryRefusal(
                "UNKNOWN_KIND", f"kinds: {', '.join(RECORD_TYPES)}", field="kind", value=kind, status=404
            )
        records = control.registry.storage.all_of(RECORD_TYPES[kind], misfiled=None)
        return [record.model_dump(mode="json") for record in records]

    @app.get("/control/faults")
    def read_faults() -> dict[str, Any]:
        return {"on": control.faults.as_list(), "known": control.faults.known}

    @app.post("/control/faults")
    def switch_fault(request: SwitchFault) -> dict[str, Any]:
        control.faults.switch_on(request.fault, request.times, request.parameters)
        return {"on": control.faults.as_list()}

    @app.delete("/control/faults")
    def clear_faults(fault: str | None = None) -> dict[str, Any]:
        control.faults.clear(fault)
        return {"on": control.faults.as_list()}

    @app.post("/control/{operation}", response_model=None)
    def operate(operation: str, body: Annotated[dict[str, Any] | None, Body()] = None) -> Any:
        if operation not in operations:
            raise RegistryRefusal(
                "UNKNOWN_OPERATION",
                f"operations: {', '.join(operations)}",
                field="operation",
                value=operation,
                status=404,
            )
        model, perform = operations[operation]
        try:
            request = model.model_validate(body or {})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise RegistryRefusal("INVALID_FIELD", first["msg"], field=where, value=first["input"]) from error
        result = perform(request)
        return result.model_dump(mode="json") if isinstance(result, BaseModel) else _plain(result)

    return app


def _plain(result: Any) -> Any:
    if isinstance(result, list):
        return [item.model_dump(mode="json") if isinstance(item, BaseModel) else item for item in result]
    return result
