"""What every test gets: a home of its own, the published data where it is, and skips that must be accounted for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NO_PUBLISHED_DATA = "published registry data is not on this machine"

_KEPT_SETTINGS = {"YRDHUB_DATA", "YRDHUB_ANVIL", "YRDHUB_SOAK_OPERATIONS", "YRDHUB_SEED"}


@pytest.fixture(autouse=True, scope="session")
def _home_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test sees or touches the home and settings of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("YRDHUB_") and name not in _KEPT_SETTINGS]:
            patch.delenv(name)
        patch.setenv("YRDHUB_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session")
def published_data() -> Path:
    """The folder of published registry data (YRDHUB_DATA, else ../shared/data), read in place; skips when absent."""
    folder = Path(os.environ.get("YRDHUB_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"{NO_PUBLISHED_DATA}: {folder}")
    return folder


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--allowed-skips",
        type=Path,
        help="fail when a test is skipped for a reason that does not start with a line of this file",
    )


def pytest_configure(config: pytest.Config) -> None:
    if file := config.getoption("--allowed-skips"):
        config.pluginmanager.register(SkipAccount(file), "skip-account")


class SkipAccount:
    """Collects skips and fails the run for each whose reason is not listed: a test that never runs shows nothing."""

    def __init__(self, file: Path) -> None:
        lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
        self.allowed = tuple(line for line in lines if line and not line.startswith("#"))
        self.unlisted: list[str] = []

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        if not reason.startswith(self.allowed):
            self.unlisted.append(f"{report.nodeid}: {reason}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.unlisted and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.unlisted:
            terminalreporter.section("skipped for a reason that is not listed", red=True)
            for line in self.unlisted:
                terminalreporter.write_line(line)
