"""What the client makes of a node that is away, slow or wrong: real sockets on this machine."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from hub.chain.connection import Node, NonceTaken, TooManyLogs
from hub.chain.rpc import LARGEST_BATCH, NodeRefused, Request, Rpc
from hub.errors import ChainRefused, ConfigurationWrong, RetryLater, StopAndTell

Answer = Callable[[Any], tuple[int, bytes]]


@contextmanager
def node_that(answers: Answer) -> Iterator[str]:
    """The address of an HTTP server that answers every body as told."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, content = answers(body)
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def replies(result: Callable[[str, list[Any]], Any]) -> Answer:
    """JSON-RPC answers; a dict with `error` becomes an error object."""

    def one(request: dict[str, Any]) -> dict[str, Any]:
        value = result(request["method"], request["params"])
        answer = value if isinstance(value, dict) and "error" in value else {"result": value}
        return {"jsonrpc": "2.0", "id": request["id"], **answer}

    def answer(body: Any) -> tuple[int, bytes]:
        told = [one(request) for request in reversed(body)] if isinstance(body, list) else one(body)
        return 200, json.dumps(told).encode()

    return answer


def refusing(message: str, code: int = -32000, data: Any = None) -> Callable[[str, list[Any]], Any]:
    """A node of chain 1 that knows no transaction and refuses everything else with `message`."""

    def result(method: str, params: list[Any]) -> Any:
        if method == "eth_chainId":
            return "0x1"
        if method == "eth_getTransactionByHash":
            return None
        return {"error": {"code": code, "message": message, **({} if data is None else {"data": data})}}

    return result


def test_nobody_listens__retry_later() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(RetryLater) as refused:
        Node(url).head()
    assert refused.value.code == "node_unreachable"
    assert refused.value.where == url


def test_no_answer_in_time__retry_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(RetryLater) as refused:
        Node(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2).head()
    assert refused.value.code == "node_timeout"


@pytest.mark.parametrize(
    ("status", "content"),
    [(200, b"<html>"), (502, b"bad gateway"), (200, b"{}"), (200, b"[]"), (500, b'{"ok": false}')],
)
def test_answer_that_is_no_rpc__retry_later(status: int, content: bytes) -> None:
    with node_that(lambda _: (status, content)) as url, pytest.raises(RetryLater) as refused:
        Rpc(url).call("eth_chainId")
    assert refused.value.code == "node_answer_unreadable"


def test_access_refused__configuration_and_no_credentials_told() -> None:
    with node_that(lambda _: (401, b"")) as url, pytest.raises(ConfigurationWrong) as refused:
        Rpc(url.replace("http://", "http://user:geheim@") + "/?token=geheim").call("eth_chainId")
    assert refused.value.code == "node_access_refused"
    assert "geheim" not in str(refused.value)


def test_connection_closed_while_idle__asked_again_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            body = b'{"jsonrpc": "2.0", "id": 1, "result": "0x1"}'
            for drop in (True, False):
                connection, _ = server.accept()
                with connection:
                    connection.recv(65536)
                    if not drop:
                        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        assert Rpc(f"http://127.0.0.1:{server.getsockname()[1]}").call("eth_chainId") == "0x1"
        thread.join(5)


def test_batch__answers_in_any_order_bodies_of_bounded_size() -> None:
    sizes = []

    def answer(body: Any) -> tuple[int, bytes]:
        sizes.append(len(body))
        return replies(lambda _, params: params[0])(body)

    with node_that(answer) as url:
        asked = list(range(LARGEST_BATCH + 3))
        assert Rpc(url).call_many([Request("echo", [number]) for number in asked]) == asked
    assert sizes == [LARGEST_BATCH, 3]


def test_batch__missing_answer_is_noticed() -> None:
    def answer(body: Any) -> tuple[int, bytes]:
        _, content = replies(lambda _, params: params[0])(body)
        return 200, json.dumps(json.loads(content)[:-1]).encode()

    with node_that(answer) as url, pytest.raises(RetryLater, match="was not answered"):
        Rpc(url).call_many([Request("echo", [1]), Request("echo", [2])])


def test_batch__error_object_raised_or_kept_in_its_place() -> None:
    def result(_: str, params: list[Any]) -> Any:
        return {"error": {"code": 1, "message": "no"}} if params[0] == 2 else params[0]

    with node_that(replies(result)) as url:
        requests = [Request("echo", [number]) for number in (1, 2, 3)]
        kept = Rpc(url).try_many(requests)
        assert [type(answer) for answer in kept] == [int, NodeRefused, int]
        with pytest.raises(NodeRefused):
            Rpc(url).call_many(requests)


def test_another_chain__stops_before_anything_is_asked() -> None:
    asked = []

    def result(method: str, _: list[Any]) -> Any:
        asked.append(method)
        return "0x1"

    with node_that(replies(result)) as url, pytest.raises(StopAndTell) as stopped:
        Node(url, chain_id=2).send_raw(b"raw")
    assert stopped.value.code == "chain_id_differs"
    assert asked == ["eth_chainId"]


@pytest.mark.parametrize(
    ("message", "kind", "code"),
    [
        ("nonce too low", NonceTaken, "nonce_taken"),
        ("Nonce too low", NonceTaken, "nonce_taken"),
        ("replacement transaction underpriced", NonceTaken, "nonce_taken"),
        ("nonce too high", RetryLater, "node_refused"),
        ("Transaction nonce is too distant from current sender nonce", RetryLater, "node_refused"),
        ("NONCE_TOO_LOW", NonceTaken, "nonce_taken"),
        ("insufficient funds for gas * price + value", ConfigurationWrong, "gas_money_missing"),
        ("Upfront cost exceeds account balance", ConfigurationWrong, "gas_money_missing"),
        ("transaction underpriced", ConfigurationWrong, "gas_price_refused"),
        ("Gas price below configured minimum gas price", ConfigurationWrong, "gas_price_refused"),
        ("max fee per gas less than block base fee", ConfigurationWrong, "gas_price_refused"),
        ("exceeds block gas limit", ConfigurationWrong, "transaction_refused"),
        ("intrinsic gas too low", ConfigurationWrong, "transaction_refused"),
        ("oversized data", ConfigurationWrong, "transaction_refused"),
        ("txpool is full", RetryLater, "node_refused"),
    ],
)
def test_refused_broadcast__what_it_means(message: str, kind: type[Exception], code: str) -> None:
    with node_that(replies(refusing(message))) as url, pytest.raises(kind) as refused:
        Node(url).send_raw(b"raw")
    assert refused.value.code == code  # type: ignore[attr-defined]


@pytest.mark.parametrize("message", ["already known", "Known transaction", "transaction already imported"])
def test_broadcast_of_what_the_node_has__fine(message: str) -> None:
    with node_that(replies(refusing(message))) as url:
        assert Node(url).send_raw(b"raw").startswith("0x")


def test_nonce_too_low_for_what_is_in_a_block__fine() -> None:
    def result(method: str, params: list[Any]) -> Any:
        if method == "eth_getTransactionByHash":
            return {"hash": params[0]}
        return refusing("nonce too low")(method, params)

    with node_that(replies(result)) as url:
        assert Node(url).send_raw(b"raw").startswith("0x")


@pytest.mark.parametrize(
    "message", ["query returned more than 10000 results", "block range too large", "limit exceeded"]
)
def test_too_many_logs__told_apart(message: str) -> None:
    with node_that(replies(refusing(message))) as url, pytest.raises(TooManyLogs):
        Node(url).logs(0, 10, [])


@pytest.mark.parametrize("data", ["0x", {"data": "0x"}, None], ids=["as text", "inside an object", "not at all"])
def test_revert__wherever_the_engine_puts_its_data(data: Any) -> None:
    with node_that(replies(refusing("execution reverted", 3, data))) as url, pytest.raises(ChainRefused) as refused:
        Node(url).call("0x" + "aa" * 20, b"")
    assert refused.value.error == "RevertedWithoutReason"
