"""What a command advises can be typed as it stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hub.errors import ConfigurationWrong
from hub.terminal import Terminal


def test_tell_error__another_home__the_advice_is_for_that_home(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(as_json=True, home=Path("elsewhere"))
    terminal.tell_error(ConfigurationWrong("no chain is running", remedy="yrdhub chain start"))
    assert json.loads(capsys.readouterr().out)["remedy"] == "yrdhub --home elsewhere chain start"


def test_tell_error__usual_home__the_advice_as_written(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(as_json=True).tell_error(ConfigurationWrong("no chain is running", remedy="yrdhub chain start"))
    assert json.loads(capsys.readouterr().out)["remedy"] == "yrdhub chain start"
