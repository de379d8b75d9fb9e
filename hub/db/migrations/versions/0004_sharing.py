"""Sharing: the order of arrival, search, what withdraws what, and counted reads of what is public."""

import json
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_LONGEST = 20_000


def upgrade() -> None:
    with op.batch_alter_table("documents") as batch_op:
        batch_op.add_column(sa.Column("arrived", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("methodology", sa.String(length=26), nullable=True))
        batch_op.add_column(sa.Column("withdraws", sa.String(length=66), nullable=True))
        batch_op.drop_index("ix_documents_received_at")
    op.create_table(
        "document_marks",
        sa.Column("audience", sa.String(length=20), nullable=False),
        sa.Column("member", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("newest", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("audience", "member", name=op.f("pk_document_marks")),
    )
    op.create_table(
        "document_texts",
        sa.Column("arrived", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("arrived", name=op.f("pk_document_texts")),
    )
    op.create_table(
        "document_reads",
        sa.Column("digest", sa.String(length=66), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reads", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("digest", "day", name=op.f("pk_document_reads")),
    )
    op.create_index("ix_document_accesses_member", "document_accesses", ["member"])
    sqlite = op.get_bind().dialect.name == "sqlite"
    if sqlite:
        op.execute(
            "CREATE VIRTUAL TABLE document_words USING fts5(words, content='document_texts', "
            "content_rowid='arrived', tokenize='trigram')"
        )
    _fill()
    if sqlite:
        op.execute("INSERT INTO document_words(document_words) VALUES ('rebuild')")
    with op.batch_alter_table("documents") as batch_op:
        batch_op.alter_column("arrived", existing_type=sa.BigInteger(), nullable=False)
        batch_op.create_index("ix_documents_arrived", ["arrived"], unique=True)
        batch_op.create_index("ix_documents_seal", ["seal"])
        batch_op.create_index("ix_documents_methodology", ["methodology"])
        batch_op.create_index("ix_documents_withdraws", ["withdraws"])


def downgrade() -> None:
    op.drop_index("ix_document_accesses_member", "document_accesses")
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE document_words")
    for table in ("document_reads", "document_texts", "document_marks"):
        op.drop_table(table)
    with op.batch_alter_table("documents") as batch_op:
        for name in ("arrived", "seal", "methodology", "withdraws"):
            batch_op.drop_index(f"ix_documents_{name}")
        for name in ("arrived", "methodology", "withdraws"):
            batch_op.drop_column(name)
        batch_op.create_index("ix_documents_received_at", ["received_at", "digest"])


def _fill() -> None:
    """What documents that are here already are called and searched by; they arrived in the order that was kept."""
    connection = op.get_bind()
    documents = sa.table(
        "documents",
        *(
            sa.column(name)
            for name in (
                "digest",
                "kind",
                "member",
                "registry",
                "record",
                "audience",
                "describes",
                "code",
                "title_zh",
                "title_en",
                "canonical",
                "received_at",
                "arrived",
                "methodology",
            )
        ),
    )
    marks = sa.table("document_marks", sa.column("audience"), sa.column("member"), sa.column("newest"))
    texts = sa.table("document_texts", sa.column("arrived"), sa.column("words"))
    newest: dict[tuple[str, int], int] = {}
    last = 0
    c = documents.c
    light = [column for column in c if column.name not in {"canonical", "arrived", "methodology"}]
    for row in connection.execute(sa.select(*light).order_by(c.received_at, c.digest)).mappings().all():
        last = max(last + 1, row["received_at"] * 1_000_000)
        known = {"arrived": last, "methodology": row["describes"] if row["kind"] == "methodology" else None}
        connection.execute(sa.update(documents).where(c.digest == row["digest"]).values(known))
        canonical = connection.execute(sa.select(c.canonical).where(c.digest == row["digest"])).scalar_one()
        words = [str(row[name] or "") for name in ("registry", "record", "code", "title_zh", "title_en")]
        words += _strings(json.loads(bytes(canonical))["content"])
        folded = unicodedata.normalize("NFKC", " ".join(words)).casefold()[:_LONGEST]
        connection.execute(sa.insert(texts).values({"arrived": last, "words": folded}))
        newest[row["audience"], row["member"]] = last
    for (audience, member), arrived in newest.items():
        connection.execute(sa.insert(marks).values({"audience": audience, "member": member, "newest": arrived}))


def _strings(content: object) -> list[str]:
    if isinstance(content, str):
        return [content]
    if isinstance(content, dict):
        content = list(content.values())
    return [text for one in content for text in _strings(one)] if isinstance(content, list) else []
