"""Code size: every register fits the limits of EIP-170 and EIP-3860, on any engine."""

from __future__ import annotations

import pytest

from scripts.compile import LARGEST_INIT_CODE, LARGEST_RUNTIME_CODE
from scripts.storage_layout import REGISTERS
from tests.contracts.artifacts import load_artifacts

CONSTRUCTOR_ARGUMENTS = 4 * 32
"""The longest list of them: four addresses."""


@pytest.mark.parametrize("register", REGISTERS)
def test_code__of_each_register__is_under_24576_bytes(register: str) -> None:
    artifact = load_artifacts(REGISTERS)[register]
    runtime, creation = (len(artifact[key]) // 2 - 1 for key in ("deployedBytecode", "bytecode"))
    assert 0 < runtime < LARGEST_RUNTIME_CODE == 24_576
    assert runtime < creation < LARGEST_INIT_CODE - CONSTRUCTOR_ARGUMENTS
