"""What the tables share: the metadata, and columns by what they hold.

Ids are 0x-hex text, as people see them; times are seconds since 1970; quantities are whole serials or integer kg.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, String

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)

ID12 = String(26)
ID32 = String(66)
ADDRESS = String(42)


def id12(name: str, *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, ID12, primary_key=key, nullable=null)


def id32(name: str, *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, ID32, primary_key=key, nullable=null)


def whole(name: str, *, key: bool = False, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, nullable=null, autoincrement=False)


def seen() -> list[Column[int]]:
    """Where on the chain a row was made: block number, log index, block time."""
    return [whole("block_number"), Column("log_index", Integer, nullable=False), whole("block_time")]
