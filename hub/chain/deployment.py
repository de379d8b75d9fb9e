"""Deploying a hub, and knowing it afterwards: which register stands where, on which chain, from which block on.

`deploy` is one function for `scripts/deploy.py` and `yrdhub deploy`. Each register is an implementation behind an
ERC-1967 proxy; its proxy's address is an immutable of the others, so that all addresses are computed first (CREATE:
sender and nonce) and the transactions follow in that order. A deployment is whole or void: nothing that was created
points anywhere else than to this set, and nobody has power over a half of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from hub.chain.artifacts import PROXY, REGISTERS, RegisterName, digest, load
from hub.chain.codec import encode_call
from hub.chain.connection import BLOCK_GAS, Node
from hub.chain.constitution import Constitution
from hub.chain.keys import Signer
from hub.chain.orders import Domain
from hub.chain.sending import prepare, wait_receipt
from hub.chain.transactions import created_address
from hub.errors import ChainRefused, ConfigurationWrong, StopAndTell

IMPLEMENTATION_SLOT = 0x360894A13BA1A3210667C828492DB98DCA3E2076CC3735A920A3CA505D382BBC
"""Where an ERC-1967 proxy keeps its implementation: keccak256("eip1967.proxy.implementation") - 1."""

_PARAMETERS: dict[str, RegisterName] = {
    "consortium": "Consortium",
    "methodologies": "Methodologies",
    "projects": "Projects",
    "recognition": "Recognition",
    "holds": "Holds",
    "ledger": "CreditLedger",
}
"""How the constructors call the other registers."""

_PROXY_STEP = " proxy"
_CREATION_MAY_TAKE = 300.0

Progress = Callable[[str, int, int], None]
"""Told (contract, done, of how many) before each creation."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One hub on one chain. Addresses are 0x-hex in lower case; `addresses` are the proxies, which never change."""

    chain_id: int
    genesis_hash: str
    first_block: int
    addresses: dict[RegisterName, str]
    implementations: dict[RegisterName, str]
    """As deployed; upgrades are in the chain's events."""
    artifact_digest: str
    constitution_digest: str
    deployer: str

    def address(self, register: str) -> str:
        """The proxy of `register`. LookupError for a name that is none."""
        try:
            return self.addresses[cast(RegisterName, register)]
        except KeyError:
            raise LookupError(f"there is no register {register}; there are {', '.join(REGISTERS)}") from None

    def register_at(self, address: str) -> str | None:
        """The register whose proxy `address` (0x-hex, lower case) is, or None."""
        for name, there in self.addresses.items():
            if there == address:
                return name
        return None

    @property
    def domain(self) -> Domain:
        """The EIP-712 domain of every order in this hub."""
        return Domain(self.chain_id, self.addresses["Consortium"])

    def read(self, node: Node, register: str, function: str, args: Any = (), *, block: int | None = None) -> Any:
        """The decoded result of a view."""
        return node.read(register, self.address(register), function, args, block=block)

    def check(self, node: Node) -> None:
        """That `node` serves this hub's chain and its proxies stand there.

        Raises StopAndTell: another chain under the same address must not be written to, nor followed.
        """
        if node.chain_id != self.chain_id:
            raise self._another_chain(node, f"its chain id is {node.chain_id}, not {self.chain_id}")
        genesis = genesis_hash(node)
        if genesis != self.genesis_hash:
            raise self._another_chain(node, f"its first block is {genesis}, not {self.genesis_hash}")
        if not node.code(self.addresses["Consortium"]):
            raise self._another_chain(node, f"there is no contract at {self.addresses['Consortium']}")

    def _another_chain(self, node: Node, why: str) -> StopAndTell:
        return StopAndTell(
            f"this node's chain is not the one this hub was deployed on: {why}",
            where=node.rpc.place,
            remedy="start the chain that belongs to this home; if it is lost for good, deploy into a new home",
            code="another_chain",
        )

    def to_json(self) -> dict[str, Any]:
        """The deployment file's content."""
        return {
            "chain_id": self.chain_id,
            "genesis_hash": self.genesis_hash,
            "first_block": self.first_block,
            "addresses": dict(self.addresses),
            "implementations": dict(self.implementations),
            "artifact_digest": self.artifact_digest,
            "constitution_digest": self.constitution_digest,
            "deployer": self.deployer,
        }

    @staticmethod
    def load(file: Path) -> Deployment:
        """From a deployment file. Raises ConfigurationWrong when there is none, or it is half done or damaged."""
        if not file.exists() and _unfinished(file).exists():
            raise _half_done(file)
        try:
            stored = json.loads(file.read_text(encoding="utf-8"))
            deployment = Deployment(**stored)
            if sorted(deployment.addresses) != sorted(REGISTERS):
                raise ValueError("registers are missing")
        except OSError as unreadable:
            raise ConfigurationWrong(
                f"there is no deployment: {unreadable.strerror}",
                where=str(file),
                remedy="yrdhub deploy, or copy the deployment file of the hub here",
                code="deployment_missing",
            ) from unreadable
        except (ValueError, TypeError) as damaged:
            raise ConfigurationWrong(
                f"the deployment file cannot be read: {damaged}",
                where=str(file),
                remedy="copy it from another member; it is the same for all",
                code="deployment_invalid",
            ) from damaged
        return deployment

    def save(self, file: Path) -> None:
        """Write the deployment file whole; an existing one is never replaced (ConfigurationWrong)."""
        if file.exists():
            raise _exists(file)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = file.with_name(file.name + ".new")
        with new.open("w", encoding="utf-8") as stream:
            stream.write(json.dumps(self.to_json(), indent=1) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(file)


def genesis_hash(node: Node) -> str:
    """The hash of the chain's first block, as its second block names it (0x-hex).

    An embedded chain makes a block 0 anew at every start and may answer with that one; what block 1 was built on stays.
    """
    return node.block(1).parent_hash if node.head().number else node.block(0).hash


def deploy_once(
    file: Path, node: Node, signer: Signer, constitution: Constitution, progress: Progress | None = None
) -> Deployment:
    """`deploy`, and keep the result in `file`; refused where one is kept, or where an earlier run ended halfway.

    A run that ends halfway leaves a file that says so: what it created has no power and no use, and is left behind.
    """
    if file.exists():
        raise _exists(file)
    unfinished = _unfinished(file)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with unfinished.open("x", encoding="utf-8") as stream:
            json.dump({"chain_id": node.chain_id, "deployer": signer.address}, stream)
    except FileExistsError:
        raise _half_done(file) from None
    try:
        deployment = deploy(node, signer, constitution, progress)
    except (ChainRefused, ConfigurationWrong):
        unfinished.unlink()  # understood and told: the next run may begin anew
        raise
    deployment.save(file)
    unfinished.unlink()
    return deployment


def deploy(node: Node, signer: Signer, constitution: Constitution, progress: Progress | None = None) -> Deployment:
    """Create every register with `signer`'s next transactions, verify what stands there, and say where it is.

    Raises ChainRefused with the contract's own reason when the constitution is refused (nothing is registered then),
    and whatever `verify` raises. Do not use the key for anything else meanwhile.
    """
    sender = signer.address
    nonce = node.nonce(sender)
    plan = _plan(sender, nonce)
    addresses = {name: plan[name + _PROXY_STEP] for name in REGISTERS}
    first_block = 0
    for place, step in enumerate(plan):
        if progress:
            progress(step, place, len(plan))
        code = _creation_code(step, plan, addresses, constitution)
        # also says why, before the transaction, when the constitution is refused
        gas = min(node.estimate_gas(sender, None, code) * 5 // 4, BLOCK_GAS)
        transaction = prepare(
            signer, None, code, nonce=nonce + place, chain_id=node.chain_id, gas_price=node.gas_price, gas=gas
        )
        node.send_raw(transaction.raw)
        receipt = wait_receipt(node, transaction.hash, _CREATION_MAY_TAKE)
        if receipt.contract_address != plan[step]:
            raise StopAndTell(
                f"{step} stands at {receipt.contract_address}, not at {plan[step]} as computed",
                where=f"transaction {transaction.hash}",
                remedy="deploy again, with a key that nothing else uses",
                code="deployment_crossed",
            )
        first_block = first_block or receipt.block_number
    deployment = Deployment(
        chain_id=node.chain_id,
        genesis_hash=genesis_hash(node),
        first_block=first_block,
        addresses=addresses,
        implementations={name: plan[name] for name in REGISTERS},
        artifact_digest=digest(),
        constitution_digest=constitution.digest(),
        deployer=sender,
    )
    verify(node, deployment)
    return deployment


def verify(node: Node, deployment: Deployment) -> None:
    """That what stands on the chain is what this version ships, byte for byte, joined as this deployment says.

    Each proxy's code, the implementation it points to, and that implementation's code; its immutables are compared with
    a simulated creation from the same constructor arguments. Raises StopAndTell naming the register.
    """
    proxy_code = bytes.fromhex(load(PROXY).deployed_bytecode[2:])
    for name in REGISTERS:
        proxy, implementation = deployment.addresses[name], deployment.implementations[name]
        if node.code(proxy) != proxy_code:
            raise _differs(name, "at its address stands no proxy of this version")
        pointed = "0x" + node.storage_at(proxy, IMPLEMENTATION_SLOT)[12:].hex()
        if pointed != implementation:
            raise _differs(name, f"its proxy points to {pointed}, not {implementation}")
        simulated = node.simulate_creation(_implementation_code(name, deployment.addresses))
        _compare(name, node.code(implementation), simulated, implementation, deployment)


def _compare(name: RegisterName, found: bytes, simulated: bytes, implementation: str, deployment: Deployment) -> None:
    artifact = load(name)
    expected = bytearray.fromhex(artifact.deployed_bytecode[2:])
    if not len(found) == len(expected) == len(simulated):
        raise _differs(name, f"its code has {len(found)} bytes, not {len(expected)}")
    own = bytes.fromhex(implementation[2:]).rjust(32, b"\0")
    registers = {bytes.fromhex(address[2:]).rjust(32, b"\0") for address in deployment.addresses.values()}
    for places in artifact.immutable_references.values():
        for place in places:
            part = slice(place["start"], place["start"] + place["length"])
            # what is no register is the code's own address, which the simulation has otherwise
            expected[part] = simulated[part] if simulated[part] in registers else own
    if found != expected:
        raise _differs(name, "its code is not the one of this version with these registers")


def _plan(sender: str, nonce: int) -> dict[str, str]:
    """Every creation in order, with the address it will have."""
    steps = [step for name in REGISTERS for step in (name, name + _PROXY_STEP)]
    return {step: created_address(sender, nonce + place) for place, step in enumerate(steps)}


def _implementation_code(name: RegisterName, addresses: dict[RegisterName, str]) -> bytes:
    artifact = load(name)
    return artifact.creation_code([addresses[_PARAMETERS[field.name]] for field in artifact.constructor])


def _creation_code(
    step: str, plan: dict[str, str], addresses: dict[RegisterName, str], constitution: Constitution
) -> bytes:
    name = cast(RegisterName, step.removesuffix(_PROXY_STEP))
    if step == name:
        return _implementation_code(name, addresses)
    setup = b""
    if "initialize" in load(name).functions:
        setup = encode_call(name, "initialize", constitution.initialisation(name, addresses))
    return load(PROXY).creation_code([plan[name], setup])


def _differs(what: str, why: str) -> StopAndTell:
    return StopAndTell(
        f"{what} on the chain is not what was deployed: {why}",
        what=what,
        remedy="use the hub version of the deployment, or ask the members who deployed it",
        code="code_differs",
    )


def _unfinished(file: Path) -> Path:
    return file.with_name(file.name + ".unfinished")


def _half_done(file: Path) -> ConfigurationWrong:
    return ConfigurationWrong(
        "an earlier deployment ended halfway; what it created has no power and no use",
        where=str(_unfinished(file)),
        remedy=f"remove {_unfinished(file).name} and deploy again",
        code="deployment_half_done",
    )


def _exists(file: Path) -> ConfigurationWrong:
    return ConfigurationWrong(
        "this home has a deployment already",
        where=str(file),
        remedy="use it, or deploy into another home (--home)",
        code="deployment_exists",
    )
