"""Where a pass can end in the middle: before or after each step that leaves something behind.

`break_at` makes the running process stop there, by an exception that nothing catches, or as SIGKILL does. Run as a
module it is the child process that gets killed: `python -m tests.integration.interruptions WORDS`, a JSON object.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adapters.sync import submit
from adapters.sync.journal import Journal
from hub.bootstrap import StoredDocuments
from hub.chain.connection import Node
from hub.chain.deployment import Deployment
from hub.chain.keys import LocalSigner
from tests.integration.consortium import City, Hub, opened
from tests.integration.folder_registry import FolderRegistry

STEPS: dict[str, tuple[Any, str]] = {
    "ingest": (Journal, "ingest"),
    "decide": (Journal, "decide"),
    "sign": (Journal, "sign"),
    "broadcast": (Node, "send_raw"),
    "inclusion": (submit.Submitter, "_wait_included"),
    "confirm": (Journal, "confirm"),
    "queue": (Journal, "queue"),
    "offered": (Journal, "offered"),
    "push": (FolderRegistry, "push"),
    "book": (Journal, "book"),
    "deliver": (StoredDocuments, "deliver"),
    "delivered": (Journal, "delivered"),
}
"""The steps of design.md, "Exactly once in effect", as the functions that take them."""


class Interrupted(BaseException):
    """The process ended here, as far as the sync is concerned."""


def interrupt() -> None:
    raise Interrupted


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def break_at(
    step: str, when: str, nth: int, end: Callable[[], None], replace: Callable[[Any, str, Any], None] = setattr
) -> None:
    """Ends the process `before` or `after` the `nth` time that `step` is taken (counted from 1)."""
    owner, name = STEPS[step]
    plain = getattr(owner, name)
    taken = 0

    def broken(*args: Any, **words: Any) -> Any:
        nonlocal taken
        taken += 1
        if taken == nth and when == "before":
            end()
        answer = plain(*args, **words)
        if taken == nth and when == "after":
            end()
        return answer

    replace(owner, name, broken)


def main(words: dict[str, Any]) -> None:
    """Syncs one city until the step at which it is killed."""
    folder = Path(words["folder"])
    break_at(words["step"], words["when"], words["nth"], kill)
    with Node(words["rpc_url"]) as node:
        deployment = Deployment.load(Path(words["deployment"]))
        signers = {words["member"]: LocalSigner(bytes.fromhex(words["secret"]))}
        hub = Hub(node, deployment, signers)
        with opened(hub, folder) as index:
            City(hub, index, folder / str(words["member"]), words["member"]).sync()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
