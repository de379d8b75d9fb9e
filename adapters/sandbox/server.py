"""Runs a sandbox's HTTP interfaces in one process on loopback ports, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

LOOPBACK = "127.0.0.1"


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to `serve`, since several run in one loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def listen(port: int) -> socket.socket:
    """A listening loopback socket; port 0 takes a free one."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((LOOPBACK, port))
    return listener


def url_of(listener: socket.socket) -> str:
    """The address a socket is reached at."""
    return f"http://{LOOPBACK}:{listener.getsockname()[1]}"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees all of it or nothing (temporary file, then rename)."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)


def serve(
    apps: list[tuple[FastAPI, socket.socket]], *, endpoints: Path, describe: dict[str, Any], with_parent: bool
) -> None:
    """Serve every app on its socket until SIGTERM or SIGINT, or until stdin closes if `with_parent`.

    `endpoints` tells where everything is, written once all are up and removed at the end.
    """
    servers = [
        _Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1, lifespan="off"))
        for app, _ in apps
    ]

    async def run() -> None:
        loop = asyncio.get_running_loop()

        def stop() -> None:
            for server in servers:
                server.should_exit = True

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        if with_parent:
            threading.Thread(target=_await_end_of_input, args=(loop, stop), daemon=True).start()
        tasks = [
            asyncio.create_task(server.serve(sockets=[listener]))
            for server, (_, listener) in zip(servers, apps, strict=True)
        ]
        while not all(server.started for server in servers) and not any(task.done() for task in tasks):
            await asyncio.sleep(0.02)
        content = json.dumps({"pid": os.getpid(), **describe}, ensure_ascii=False, indent=1)
        write_whole(endpoints, content.encode())
        await asyncio.gather(*tasks)

    try:
        asyncio.run(run())
    finally:
        endpoints.unlink(missing_ok=True)


def _await_end_of_input(loop: asyncio.AbstractEventLoop, stop: Any) -> None:
    # The parent holds the other end: when it dies, however it dies, the sandbox goes too.
    # Unbuffered, because a thread waiting inside the buffered reader would block the interpreter's exit.
    while os.read(sys.stdin.fileno(), 1):
        pass
    loop.call_soon_threadsafe(stop)
