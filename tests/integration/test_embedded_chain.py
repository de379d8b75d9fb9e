"""The embedded chain with the real anvil: what survives a stop, what a kill costs, and who holds a port."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from hub.chain.connection import Node
from hub.chain.deployment import genesis_hash
from hub.chain.keys import sign_transaction
from hub.chain.transactions import LegacyTransaction
from hub.errors import ConfigurationWrong
from hub.network.chain_files import read_record
from hub.network.embedded import EmbeddedChain
from hub.network.supervisor import Rpc

LOG_ON_CREATION = bytes.fromhex("60006000a000")
"""Creation code that emits one log without topics and deploys nothing."""


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[EmbeddedChain]:
    chain = EmbeddedChain(tmp_path, port=0)
    yield chain
    chain.stop()


def rpc_of(chain: EmbeddedChain) -> Rpc:
    return Rpc(int(chain.rpc_url.rsplit(":", 1)[1]))


def send_log(chain: EmbeddedChain) -> dict[str, Any]:
    """One transaction that leaves a log; its receipt."""
    rpc = rpc_of(chain)
    nonce = int(rpc.call("eth_getTransactionCount", chain.funder.address, "latest"), 16)
    creation = LegacyTransaction(chain.chain_id, nonce, None, LOG_ON_CREATION, gas=100_000)
    hash_ = rpc.call("eth_sendRawTransaction", "0x" + sign_transaction(chain.funder, creation).hex())
    receipt = wait_for(lambda: rpc.call("eth_getTransactionReceipt", hash_))
    assert receipt["status"] == "0x1"
    return dict(receipt)


def wait_for(ask: Callable[[], Any], seconds: float = 20.0) -> Any:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if answer := ask():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"nothing within {seconds} s")


def kill_everything(chain: EmbeddedChain) -> None:
    """As a power cut would: supervisor and anvil at once, no time to save."""
    run = read_record(chain.files.run)
    assert run is not None
    processes = [psutil.Process(run[name]["pid"]) for name in ("supervisor", "anvil")]
    for process in processes:
        process.suspend()  # neither may see the other end
    for process in processes:
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(processes, timeout=10)
    wait_for(lambda: chain.status().state == "killed")


def test_chain__fresh__is_the_chain_of_the_design(chain: EmbeddedChain) -> None:
    handle = chain.start()
    rpc = rpc_of(chain)
    info = rpc.call("anvil_nodeInfo")
    assert info["hardFork"] == "Paris"
    assert info["transactionOrder"] == "fifo"
    assert info["environment"] == {
        "baseFee": "0x0",
        "chainId": handle.chain_id,
        "gasLimit": hex(30_000_000),
        "gasPrice": "0x0",
    }
    assert rpc.call("eth_accounts") == []
    assert int(rpc.call("eth_getBalance", chain.funder.address, "latest"), 16) > 0
    send_log(chain)
    assert rpc.block("finalized") == rpc.block("latest")
    assert rpc.call("eth_getBlockByNumber", "latest", False)["baseFeePerGas"] == "0x0"


def test_chain__stopped_and_started__keeps_blocks_logs_and_genesis(chain: EmbeddedChain) -> None:
    chain.start()
    genesis = rpc_of(chain).block(0)
    receipt = send_log(chain)
    head = rpc_of(chain).block("latest")
    assert chain.stop()
    assert chain.status().state == "stopped"
    assert not chain.stop()

    handle = chain.start()
    assert handle.lost is None
    rpc = rpc_of(chain)
    assert rpc.block("latest") == head
    assert rpc.block(0) == genesis
    logs = rpc.call("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest"})
    assert [log["transactionHash"] for log in logs] == [receipt["transactionHash"]]
    assert rpc.call("eth_getTransactionReceipt", receipt["transactionHash"])["blockHash"] == receipt["blockHash"]
    assert send_log(chain)["blockNumber"] == hex(2)


def test_chain__restarted_again_and_again__is_the_same_chain(chain: EmbeddedChain) -> None:
    """anvil makes a block 0 anew at each start; what the chain was founded on must not depend on which one answers."""
    chain.start()
    send_log(chain)
    seen = set()
    for _ in range(5):
        with Node(chain.rpc_url) as node:
            seen.add((genesis_hash(node), node.block(1).hash))
        chain.stop()
        chain.start()
    assert len(seen) == 1


def test_chain__killed_whole__says_which_blocks_are_gone(chain: EmbeddedChain) -> None:
    chain.start()
    genesis = rpc_of(chain).block(0)
    send_log(chain)
    chain.save()
    for _ in range(3):
        send_log(chain)
    wait_for(lambda: (chain.status().head or {}).get("number") == 4)
    kill_everything(chain)

    handle = chain.start()
    assert handle.lost is not None
    assert (handle.lost.from_block, handle.lost.to_block) == (2, 4)
    assert rpc_of(chain).block("latest")["number"] == 1  # type: ignore[index]
    assert rpc_of(chain).block(0) == genesis
    assert chain.status().lost == handle.lost


def test_chain__anvil_killed__is_restarted_at_its_address_and_says_what_is_gone(chain: EmbeddedChain) -> None:
    handle = chain.start()
    send_log(chain)
    wait_for(lambda: (chain.status().head or {}).get("number") == 1)
    os.kill(handle.pid, signal.SIGKILL)
    wait_for(lambda: chain.status().pid not in {None, handle.pid})
    status = chain.status()
    assert status.rpc_url == handle.rpc_url
    assert status.lost is not None
    assert (status.lost.from_block, status.lost.to_block) == (1, 1)


def test_chain__supervisor_killed__anvil_saves_itself_and_nothing_is_lost(chain: EmbeddedChain) -> None:
    chain.start()
    send_log(chain)
    head = rpc_of(chain).block("latest")
    supervisor = chain.status().supervisor_pid
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: chain.status().state == "killed")
    handle = chain.start()
    assert handle.lost is None
    assert rpc_of(chain).block("latest") == head


def test_chain__saved_file_torn_by_a_kill__the_last_whole_one_is_loaded(chain: EmbeddedChain) -> None:
    chain.start()
    send_log(chain)
    chain.save()
    head = rpc_of(chain).block("latest")
    wait_for(lambda: chain.status().head == head)
    kill_everything(chain)
    chain.files.state_on_exit.write_bytes(chain.files.state.read_bytes()[:-200])
    assert chain.start().lost is None
    assert rpc_of(chain).block("latest") == head


def test_chain__started_twice__is_the_same_process(chain: EmbeddedChain, tmp_path: Path) -> None:
    first = chain.start()
    again = EmbeddedChain(tmp_path).start()
    assert (again.pid, again.rpc_url) == (first.pid, first.rpc_url)
    assert "running already" in again.notes[0]


def test_chain__port_asked_for_and_taken__says_who_holds_it(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(ConfigurationWrong, match=f"port {port} is taken by .*pid {os.getpid()}") as raised:
            EmbeddedChain(tmp_path, port=port).start()
    assert raised.value.code == "port_taken"


def test_chain__usual_port_taken__takes_another_and_says_so(tmp_path: Path) -> None:
    chain = EmbeddedChain(tmp_path, port=0)
    usual = chain.start().port
    chain.stop()
    chain = EmbeddedChain(tmp_path)
    (tmp_path / "chain" / "chain.json").write_text(
        (tmp_path / "chain" / "chain.json").read_text().replace("8645", str(usual))
    )
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", usual))
        holder.listen()
        try:
            handle = chain.start()
            assert handle.port != usual
            assert f"port {usual} is taken by" in handle.notes[0]
            assert f"{handle.port} instead" in handle.notes[1]
        finally:
            chain.stop()


def test_chain__other_chain_id_than_the_home_holds__is_refused(chain: EmbeddedChain, tmp_path: Path) -> None:
    chain.start()
    chain.stop()
    with pytest.raises(ConfigurationWrong, match="holds a chain with id"):
        EmbeddedChain(tmp_path, chain_id=7).start()


def test_chain__pid_given_to_another_process__is_not_mistaken_for_ours(chain: EmbeddedChain) -> None:
    chain.start()
    chain.stop()
    run = read_record(chain.files.run)
    assert run is not None
    run |= {"state": "running", "supervisor": {"pid": os.getpid(), "started": 1.0}, "anvil": {"pid": 1, "started": 1.0}}
    chain.files.run.write_text(json.dumps(run))
    assert chain.status().state == "killed"
    assert not chain.stop()
    assert chain.start().lost is None


def test_chain__in_a_with_block__ends_with_it(tmp_path: Path) -> None:
    with EmbeddedChain(tmp_path, port=0) as chain:
        pid = chain.status().pid
        assert pid is not None
        assert rpc_of(chain).call("eth_blockNumber") == "0x0"
    assert not psutil.pid_exists(pid)
    with pytest.raises(ConfigurationWrong, match="not running"):
        _ = chain.rpc_url
