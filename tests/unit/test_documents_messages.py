"""The messages that no contract sees are EIP-712 as everybody else computes it, and no order can pass for them."""

from __future__ import annotations

import hashlib
import random

import pytest
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak

from hub.chain.keys import LocalSigner
from hub.chain.orders import ORDERS, Domain
from hub.documents.messages import DocumentSeal, Message, ReadOrder, digest, typed_data
from hub.documents.sealing import seal_documents
from hub.documents.seals import MOST_BYTES, MOST_DOCUMENTS, SealedBatch, check_batch, manifest_of
from hub.errors import RecordRefused
from mutual_recognition.documents import Document, DocumentKind

DOMAIN = Domain(31323334, "0x" + "1b" * 20)
NOW = 1_800_000_000
SHANGHAI = 310000
MESSAGES: list[Message] = [
    DocumentSeal(SHANGHAI, "0x" + "5a" * 32, NOW),
    DocumentSeal(2**24 - 1, "0x" + "ff" * 32, 2**40 - 1),
    ReadOrder("0x" + "2c" * 20, NOW),
]


@pytest.mark.parametrize("message", MESSAGES)
def test_digest__is_what_a_wallet_signs(message: Message) -> None:
    signable = encode_typed_data(full_message=typed_data(message, DOMAIN))
    assert digest(message, DOMAIN) == keccak(b"\x19" + signable.version + signable.header + signable.body)


def test_types__none_is_an_orders() -> None:
    ours = {message.TYPE.partition("(")[0] for message in MESSAGES}
    assert not ours & set(ORDERS)
    assert digest(MESSAGES[0], DOMAIN) != digest(MESSAGES[0], Domain(1, DOMAIN.consortium))


def test_manifest__of_sorted_digests_whatever_order_they_come_in() -> None:
    digests = [hashlib.sha256(bytes([number])).digest() for number in range(20)]
    expected = hashlib.sha256(b"".join(sorted(digests))).digest()
    random.Random(1).shuffle(digests)
    assert manifest_of(digests) == expected


def document(record: str) -> bytes:
    return Document(
        kind=DocumentKind.EVIDENCE, member=SHANGHAI, registry="illustrative", record=record, content={}
    ).canonical()


def test_sealed_batch__checked__names_its_signer() -> None:
    signer = LocalSigner.random()
    batch = seal_documents(signer, DOMAIN, SHANGHAI, [document("1"), document("2"), document("1")], NOW)
    assert len(batch.documents) == 2
    checked = check_batch(batch, DOMAIN, NOW)
    assert checked.signer == signer.address
    assert [one.document.record for one in checked.documents] == ["1", "2"]


@pytest.mark.parametrize(
    ("documents", "code"),
    [
        ((), "batch_size"),
        ((b"{}",) * (MOST_DOCUMENTS + 1), "batch_size"),
        ((b" " * (MOST_BYTES // 2 + 1),) * 2, "batch_size"),
        ((b" " * 1_000_001,), "document_refused"),
        ((b"\xff\xfe",), "document_refused"),
        ((b"[" * 500_000,), "document_refused"),
    ],
)
def test_batch_out_of_bounds__refused_before_anything_is_believed(documents: tuple[bytes, ...], code: str) -> None:
    seal = DocumentSeal(SHANGHAI, "0x" + manifest_of(hashlib.sha256(d).digest() for d in documents).hex(), NOW)
    with pytest.raises(RecordRefused) as refused:
        check_batch(SealedBatch(documents, seal, bytes(65)), DOMAIN, NOW)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "seal",
    [
        DocumentSeal(0, "0x" + "00" * 32, NOW),
        DocumentSeal(2**24, "0x" + "00" * 32, NOW),
        DocumentSeal(SHANGHAI, "0x12", NOW),
        DocumentSeal(SHANGHAI, "0x" + "00" * 32, 2**40),
    ],
)
def test_seal_that_cannot_be_encoded__refused(seal: DocumentSeal) -> None:
    with pytest.raises(RecordRefused) as refused:
        check_batch(SealedBatch((document("1"),), seal, bytes(65)), DOMAIN, NOW)
    assert refused.value.code == "seal_malformed"
