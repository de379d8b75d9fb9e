"""Keys and transactions: kept encrypted, never shown, signed as eth-account does."""

from __future__ import annotations

import json
import pickle
import stat
import traceback
from pathlib import Path

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.chain.keys import (
    LocalSigner,
    Strength,
    checksum_address,
    create_keystore,
    find_keystore,
    import_key,
    list_keystores,
    open_keystore,
    parse_address,
    sign_transaction,
)
from hub.chain.transactions import LegacyTransaction, created_address, transaction_hash
from hub.errors import ConfigurationWrong, RecordRefused

PASSWORD = "a password of a test"
SECRET = bytes(range(1, 33))


def test_new_keystore__readable_by_its_owner_only_and_opens_with_its_password(tmp_path: Path) -> None:
    made = create_keystore(tmp_path / "keys", PASSWORD, Strength.LIGHT)
    assert stat.S_IMODE(made.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.file.parent.stat().st_mode) == 0o700
    assert open_keystore(made.file, PASSWORD).address == made.address
    assert list_keystores(tmp_path / "keys") == [made]
    assert find_keystore(tmp_path / "keys", made.address.upper().replace("0X", "0x")) == made


def test_keystore__the_standard_form_that_eth_account_reads(tmp_path: Path) -> None:
    made = import_key(tmp_path, SECRET, PASSWORD, Strength.LIGHT)
    content = json.loads(made.file.read_text(encoding="utf-8"))
    assert content["version"] == 3
    assert content["crypto"]["kdf"] == "scrypt"
    assert content["crypto"]["kdfparams"]["n"] == Strength.LIGHT
    assert bytes(Account.decrypt(content, PASSWORD)) == SECRET
    assert SECRET.hex() not in made.file.read_text(encoding="utf-8")


@pytest.mark.slow
def test_keystore_made_without_saying_how__geths_work_factor(tmp_path: Path) -> None:
    made = create_keystore(tmp_path, PASSWORD)
    assert json.loads(made.file.read_text(encoding="utf-8"))["crypto"]["kdfparams"]["n"] == 262_144


def test_two_new_keys_differ(tmp_path: Path) -> None:
    assert len({create_keystore(tmp_path, PASSWORD, Strength.LIGHT).address for _ in range(5)}) == 5


def test_wrong_password__refused_without_a_word_of_the_key(tmp_path: Path) -> None:
    made = import_key(tmp_path, SECRET, PASSWORD, Strength.LIGHT)
    with pytest.raises(ConfigurationWrong) as refused:
        open_keystore(made.file, "another password")
    told = "".join(traceback.format_exception(refused.value))
    assert refused.value.code == "password_wrong"
    assert SECRET.hex() not in told
    assert "another password" not in str(refused.value)


def test_short_password__refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationWrong) as refused:
        create_keystore(tmp_path, "short", Strength.LIGHT)
    assert refused.value.code == "password_too_short"


def test_same_key_twice__first_file_stays(tmp_path: Path) -> None:
    made = import_key(tmp_path, SECRET, PASSWORD, Strength.LIGHT)
    before = made.file.read_bytes()
    with pytest.raises(ConfigurationWrong) as refused:
        import_key(tmp_path, SECRET, "another password", Strength.LIGHT)
    assert refused.value.code == "keystore_exists"
    assert made.file.read_bytes() == before


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"crypto": {}}', '{"version": 3, "crypto": {"kdf": "none"}}', "\udcff"]
)
def test_file_that_is_no_keystore__refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "key.json"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigurationWrong) as refused:
        open_keystore(file, PASSWORD)
    assert refused.value.code == "keystore_invalid"


def test_keystore_that_names_another_address__refused(tmp_path: Path) -> None:
    made = import_key(tmp_path, SECRET, PASSWORD, Strength.LIGHT)
    content = json.loads(made.file.read_text(encoding="utf-8")) | {"address": "11" * 20}
    made.file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ConfigurationWrong, match="says it is for 0x1111") as refused:
        open_keystore(made.file, PASSWORD)
    assert refused.value.code == "keystore_invalid"


def test_missing_keystore__those_there_are_named(tmp_path: Path) -> None:
    made = create_keystore(tmp_path, PASSWORD, Strength.LIGHT)
    (tmp_path / "notes.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigurationWrong, match=made.address):
        find_keystore(tmp_path, "0x" + "00" * 20)
    assert list_keystores(tmp_path / "nowhere") == []


def test_signer__shows_its_address_never_its_key() -> None:
    signer = LocalSigner(SECRET)
    shown = repr(signer) + str(signer) + f"{signer}"
    assert signer.address in shown
    assert SECRET.hex() not in shown
    assert not hasattr(signer, "__dict__")
    with pytest.raises(TypeError):
        pickle.dumps(signer)


@settings(max_examples=100, deadline=None)
@given(
    nonce=st.integers(0, 2**64 - 1),
    gas=st.integers(21_000, 2**40),
    gas_price=st.integers(0, 2**70),
    value=st.integers(0, 2**100),
    data=st.binary(max_size=300),
    to=st.one_of(st.none(), st.binary(min_size=20, max_size=20)),
    chain_id=st.integers(1, 2**40),
)
def test_any_transaction__same_bytes_as_eth_account(
    nonce: int, gas: int, gas_price: int, value: int, data: bytes, to: bytes | None, chain_id: int
) -> None:
    address = None if to is None else "0x" + to.hex()
    ours = sign_transaction(
        LocalSigner(SECRET), LegacyTransaction(chain_id, nonce, address, data, gas, gas_price, value)
    )
    theirs = Account.from_key(SECRET).sign_transaction(
        {
            "nonce": nonce,
            "gas": gas,
            "gasPrice": gas_price,
            "value": value,
            "data": data,
            "chainId": chain_id,
            **({} if address is None else {"to": to_checksum_address(address)}),
        }
    )
    assert ours == bytes(theirs.raw_transaction)
    assert transaction_hash(ours) == "0x" + bytes(theirs.hash).hex()


def test_created_address__two_known_contracts_of_one_account() -> None:
    sender = "0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0"
    assert created_address(sender, 0) == "0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d"
    assert created_address(sender, 1) == "0x343c43a37d37dff08ae8c4a11544c718abb4fcf8"


@given(st.binary(min_size=20, max_size=20))
def test_checksum__as_eth_utils(raw: bytes) -> None:
    address = "0x" + raw.hex()
    assert checksum_address(address) == to_checksum_address(address)
    assert parse_address(checksum_address(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x12",
        "0x" + "g" * 40,
        "0x" + "a" * 41,
        # one capital letter changed
        "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    ],
)
def test_mistyped_address__refused(text: str) -> None:
    with pytest.raises(RecordRefused) as refused:
        parse_address(text, "account")
    assert refused.value.code == "address_invalid"
    assert refused.value.field == "account"
