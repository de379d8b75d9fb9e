"""The hub's tables.

`CHAIN` tables hold what was read off the chain: blocks, raw logs, the cursor. `PROJECTIONS` are derived from the
raw logs
alone and can be deleted and rebuilt (law L8). `OWN` tables hold what is on no chain: documents, their
seals and readers, orders to relay. Ids are 0x-hex
text, as
people see them; times are block times in seconds; quantities are whole serials or integer kg.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)

_ID12 = String(26)
_ID32 = String(66)
_ADDRESS = String(42)


def _id12(name: str, *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, _ID12, primary_key=key, nullable=null)


def _id32(name: str, *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, _ID32, primary_key=key, nullable=null)


def _whole(name: str, *, key: bool = False, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, nullable=null, autoincrement=False)


def _seen() -> list[Column[int]]:
    """Where on the chain a row was made: block number, log index, block time."""
    return [_whole("block_number"), Column("log_index", Integer, nullable=False), _whole("block_time")]


# ---------------------------------------------------------------- chain

cursor = Table(
    "chain_cursor",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    _whole("chain_id"),
    _id32("genesis_hash"),
    _id32("deployment_digest"),
    _whole("next_block"),
)

blocks = Table(
    "chain_blocks",
    metadata,
    _whole("number", key=True),
    _id32("hash"),
    _id32("parent_hash"),
    _whole("time"),
)

raw_logs = Table(
    "raw_logs",
    metadata,
    _whole("block_number", key=True),
    Column("log_index", Integer, primary_key=True, autoincrement=False),
    _id32("tx_hash"),
    Column("address", _ADDRESS, nullable=False),
    Column("topics", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# ---------------------------------------------------------------- consortium

members = Table(
    "members",
    metadata,
    _whole("member", key=True),
    Column("kind", SmallInteger, nullable=False),
    _whole("parent"),
    Column("seat", SmallInteger, nullable=False),
    _whole("joined_at"),
    _whole("left_at"),
    _id32("left_by_ballot"),
    Column("accounts", JSON, nullable=False),
)

officers = Table(
    "officers",
    metadata,
    Column("account", _ADDRESS, primary_key=True),
    _whole("member"),
    Column("roles", SmallInteger, nullable=False),
    _whole("valid_until"),
    _id32("changed_by_ballot"),
    *_seen(),
    Index("ix_officers_member", "member"),
)

ballots = Table(
    "ballots",
    metadata,
    _id32("ballot", key=True),
    _whole("proposer"),
    Column("kind", SmallInteger, nullable=False),
    _id32("document"),
    _whole("closes_at"),
    Column("quorum_ppm", Integer, nullable=False),
    Column("approval_ppm", Integer, nullable=False),
    _whole("delay"),
    _whole("execute_within"),
    _id32("electorate"),
    _id32("invited"),
    Column("actions", JSON, nullable=False),
    _whole("executed_at"),
    _id32("request"),
    *_seen(),
    Index("ix_ballots_block_number", "block_number", "log_index"),
)

votes = Table(
    "votes",
    metadata,
    _id32("ballot", key=True),
    _whole("member", key=True),
    Column("choice", SmallInteger, nullable=False),
    _whole("revision"),
    Column("voter", _ADDRESS, nullable=False),
    *_seen(),
)

ballot_rules = Table(
    "ballot_rules",
    metadata,
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("quorum_ppm", Integer, nullable=False),
    Column("approval_ppm", Integer, nullable=False),
    _whole("min_voting"),
    _whole("max_voting"),
    _whole("delay"),
    _whole("execute_within"),
    _id32("changed_by_ballot"),
)

allowed_calls = Table(
    "allowed_calls",
    metadata,
    Column("target", _ADDRESS, primary_key=True),
    Column("selector", String(10), primary_key=True),
    Column("kind", SmallInteger, nullable=False),
    Column("allowed", Boolean, nullable=False),
)

register_code = Table(
    "register_code",
    metadata,
    Column("register", String(30), primary_key=True),
    Column("implementation", _ADDRESS, nullable=False),
    *_seen(),
)

settings = Table(
    "consortium_settings",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("value", JSON, nullable=False),
)

# ---------------------------------------------------------------- methodologies, projects

methodologies = Table(
    "methodologies",
    metadata,
    _id12("methodology", key=True),
    _whole("member"),
    _id32("native"),
    _id32("document"),
    _id32("definition"),
    _whole("valid_from"),
    _whole("valid_until"),
    _id12("supersedes"),
    _id12("superseded_by"),
    _id32("lineage"),
    Column("status", SmallInteger, nullable=False),
    Column("holds", SmallInteger, nullable=False),
    _id32("request"),
    *_seen(),
    Index("ix_methodologies_block_number", "block_number", "log_index"),
    Index("ix_methodologies_member", "member"),
)

projects = Table(
    "projects",
    metadata,
    _id12("project", key=True),
    _whole("member"),
    _id32("native"),
    _id12("methodology"),
    _id32("document"),
    Column("revision", Integer, nullable=False),
    Column("crediting_start", Integer, nullable=False),
    Column("crediting_end", Integer, nullable=False),
    _id32("declaration"),
    Column("mechanism", Integer, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("holds", SmallInteger, nullable=False),
    _id32("request"),
    *_seen(),
    Index("ix_projects_block_number", "block_number", "log_index"),
    Index("ix_projects_member", "member"),
    Index("ix_projects_methodology", "methodology"),
)

assets = Table(
    "assets",
    metadata,
    _id32("asset", key=True),
    _id12("project"),
    *_seen(),
    Index("ix_assets_project", "project"),
)

external_locks = Table(
    "external_locks",
    metadata,
    _id32("lock", key=True),
    _id12("project"),
    Column("mechanism", Integer, nullable=False),
    Column("status", SmallInteger, nullable=False),
    _id32("evidence"),
    *_seen(),
)

# ---------------------------------------------------------------- recognition

recognitions = Table(
    "recognitions",
    metadata,
    _id32("subject", key=True),
    _whole("member", key=True),
    Column("kind", SmallInteger, nullable=False),
    _whole("home"),
    _whole("terms"),
    Column("suspended", Boolean, nullable=False),
    Column("revoked", SmallInteger, nullable=False),
    _id32("ballot"),
    *_seen(),
    Index("ix_recognitions_block_number", "block_number", "log_index"),
    Index("ix_recognitions_member", "member"),
)

terms = Table(
    "terms",
    metadata,
    _whole("terms", key=True),
    _id32("subject"),
    _whole("member"),
    Column("factor_ppm", Integer, nullable=False),
    Column("uses", Integer, nullable=False),
    _whole("valid_from"),
    _whole("valid_until"),
    Column("annual_cap_kg", String(20), nullable=True),
    Column("covers_every_project", Boolean, nullable=False),
    _id32("ballot"),
    *_seen(),
)

declined = Table(
    "recognitions_declined",
    metadata,
    _id32("subject", key=True),
    _whole("member", key=True),
    _id32("ballot"),
    *_seen(),
)

entries = Table(
    "entries",
    metadata,
    _whole("entry", key=True),
    _whole("member"),
    _id12("methodology"),
    _id12("project"),
    _id12("series"),
    _whole("issuance"),
    _whole("methodology_terms"),
    _whole("project_terms"),
    _whole("issuance_terms"),
    Column("uses", Integer, nullable=False),
)

cap_use = Table(
    "cap_use",
    metadata,
    _whole("terms", key=True),
    Column("year", Integer, primary_key=True, autoincrement=False),
    _whole("arrived_kg"),
)

# ---------------------------------------------------------------- credits

series = Table(
    "series",
    metadata,
    _id12("series", key=True),
    _whole("member"),
    _id32("native"),
    Column("kg_per_serial", SmallInteger, nullable=False),
    _id32("request"),
    *_seen(),
    Index("ix_series_block_number", "block_number", "log_index"),
)

verifications = Table(
    "verifications",
    metadata,
    _id12("verification", key=True),
    _id12("project"),
    _id32("native"),
    Column("period_stated", Boolean, nullable=False),
    Column("period_start", Integer, nullable=False),
    Column("period_end", Integer, nullable=False),
    _whole("verified_kg"),
    _whole("drawn_kg"),
    _id32("document"),
    _id32("external_lock"),
    Column("voided", Boolean, nullable=False),
    _id32("request"),
    *_seen(),
    Index("ix_verifications_block_number", "block_number", "log_index"),
    Index("ix_verifications_project", "project"),
    sqlite_with_rowid=False,
)

issuances = Table(
    "issuances",
    metadata,
    _id12("series", key=True),
    _whole("first", key=True),
    _whole("last"),
    _whole("member"),
    _id12("verification"),
    _id12("project"),
    Column("vintage", Integer, nullable=False),
    _whole("kg"),
    _id32("origin"),
    _id32("document"),
    _whole("reissue_of"),
    _id32("request"),
    *_seen(),
    Index("ix_issuances_block_number", "block_number", "log_index"),
    Index("ix_issuances_project", "project"),
    Index("ix_issuances_member", "member"),
    sqlite_with_rowid=False,
)

unit_blocks = Table(
    "unit_blocks",
    metadata,
    _id12("series", key=True),
    _whole("first", key=True),
    _whole("last"),
    _whole("issuance"),
    _whole("holder"),
    Column("status", SmallInteger, nullable=False),
    Column("holds", SmallInteger, nullable=False),
    Column("factor_ppm", Integer, nullable=False),
    _whole("entry"),
    Column("purpose", SmallInteger, nullable=False),
    Column("compliance_year", Integer, nullable=False),
    _id32("beneficiary"),
    _id32("transfer"),
    Column("pledged_to", _ADDRESS, nullable=False),
    _whole("pledged_until"),
    Index("ix_unit_blocks_holder", "holder", "status"),
    sqlite_with_rowid=False,
)

transfers = Table(
    "transfers",
    metadata,
    _id32("transfer", key=True),
    _id12("series"),
    _whole("first"),
    _whole("last"),
    _whole("from_member"),
    _whole("to_member"),
    _whole("accept_from"),
    _whole("deadline"),
    Column("cosign_pending", Boolean, nullable=False),
    Column("status", SmallInteger, nullable=False),
    _whole("kept_last"),
    Column("factor_ppm", Integer, nullable=False),
    _whole("entry"),
    _whole("arriving_kg"),
    Column("reason", SmallInteger, nullable=False),
    _whole("ended_at"),
    _id32("request"),
    *_seen(),
    Index("ix_transfers_block_number", "block_number", "log_index"),
    Index("ix_transfers_from_member", "from_member"),
    Index("ix_transfers_to_member", "to_member"),
)

retirements = Table(
    "retirements",
    metadata,
    _id12("series", key=True),
    _whole("first", key=True),
    _whole("last"),
    _whole("issuance"),
    _whole("holder"),
    _whole("claimant"),
    Column("purpose", SmallInteger, nullable=False),
    _id32("beneficiary"),
    Column("compliance_year", Integer, nullable=False),
    _whole("kg"),
    _id32("request"),
    *_seen(),
    Index("ix_retirements_block_number", "block_number", "log_index"),
    Index("ix_retirements_holder", "holder"),
    sqlite_with_rowid=False,
)

cancellations = Table(
    "cancellations",
    metadata,
    _id12("series", key=True),
    _whole("first", key=True),
    _whole("last"),
    _whole("issuance"),
    _whole("holder"),
    Column("purpose", SmallInteger, nullable=False),
    _whole("kg"),
    _id32("document"),
    _id32("ballot"),
    _id32("request"),
    *_seen(),
    Index("ix_cancellations_block_number", "block_number", "log_index"),
)

holds = Table(
    "holds",
    metadata,
    _id32("hold", key=True),
    _whole("member"),
    Column("reason", SmallInteger, nullable=False),
    _id32("evidence"),
    _whole("until"),
    Column("subjects", JSON, nullable=False),
    _whole("ended_at"),
    _id32("ended_by"),
    _id32("ballot"),
    _id32("request"),
    *_seen(),
    Index("ix_holds_block_number", "block_number", "log_index"),
)

serial_events = Table(
    "serial_events",
    metadata,
    _whole("block_number", key=True),
    Column("log_index", Integer, primary_key=True, autoincrement=False),
    Column("part", SmallInteger, primary_key=True, autoincrement=False),
    _id12("series"),
    _whole("issuance"),
    _whole("first"),
    _whole("last"),
    Column("event", String(30), nullable=False),
    _whole("member"),
    _whole("other"),
    _id32("reference"),
    _whole("block_time"),
    Index("ix_serial_events_series", "series", "issuance", "first"),
    sqlite_with_rowid=False,
)

requests = Table(
    "requests",
    metadata,
    _id32("request", key=True),
    _whole("member", key=True),
    Column("contract", String(30), nullable=False),
    Column("event", String(40), nullable=False),
    _id32("tx_hash"),
    *_seen(),
    sqlite_with_rowid=False,
)

# ---------------------------------------------------------------- what is on no chain

seals = Table(
    "document_seals",
    metadata,
    _id32("manifest", key=True),
    _whole("member"),
    Column("signer", _ADDRESS, nullable=False),
    _whole("sealed_at"),
    Column("signature", LargeBinary, nullable=False),
    Column("digests", LargeBinary, nullable=False),
    _whole("received_at"),
)

documents = Table(
    "documents",
    metadata,
    _id32("digest", key=True),
    Column("kind", String(20), nullable=False),
    _whole("member"),
    Column("registry", String(100), nullable=False),
    Column("record", String(200), nullable=False),
    Column("version", Integer, nullable=False),
    Column("audience", String(20), nullable=False),
    Column("describes", _ID12, nullable=True),
    Column("code", String(200), nullable=True),
    Column("title_zh", String(400), nullable=True),
    Column("title_en", String(400), nullable=True),
    Column("canonical", LargeBinary, nullable=False),
    _id32("seal"),
    _whole("received_at"),
    Index("ix_documents_member", "member", "kind", "record"),
    Index("ix_documents_describes", "describes"),
    Index("ix_documents_received_at", "received_at", "digest"),
)

document_accesses = Table(
    "document_accesses",
    metadata,
    Column("id", Integer, primary_key=True),
    _whole("at"),
    _id32("digest"),
    Column("reader", _ADDRESS, nullable=False),
    _whole("member"),
    Column("how", String(10), nullable=False),
    Index("ix_document_accesses_digest", "digest"),
    Index("ix_document_accesses_at", "at"),
)

relays = Table(
    "relays",
    metadata,
    _id32("order", key=True),
    _whole("number"),
    Column("primary_type", String(30), nullable=False),
    Column("message", JSON, nullable=False),
    Column("signers", JSON, nullable=False),
    Column("contract", String(30), nullable=False),
    Column("target", _ADDRESS, nullable=False),
    Column("calldata", LargeBinary, nullable=False),
    _whole("deadline"),
    Column("status", String(20), nullable=False),
    Column("raw", LargeBinary, nullable=True),
    Column("tx_hash", String(66), nullable=True),
    Column("reason", JSON, nullable=True),
    _whole("received_at"),
    _whole("changed_at"),
    Index("ix_relays_status", "status", "number"),
)

CHAIN = (cursor, blocks, raw_logs)

PROJECTIONS = (
    members,
    officers,
    ballots,
    votes,
    ballot_rules,
    allowed_calls,
    register_code,
    settings,
    methodologies,
    projects,
    assets,
    external_locks,
    recognitions,
    terms,
    declined,
    entries,
    cap_use,
    series,
    verifications,
    issuances,
    unit_blocks,
    transfers,
    retirements,
    cancellations,
    holds,
    serial_events,
    requests,
)

OWN = (seals, documents, document_accesses, relays)
