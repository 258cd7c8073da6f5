"""The views and tables that bag queries read."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()
TIME = DateTime(timezone=True)

bag_cards = Table(
    "bag_cards",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("code", Text),
    Column("kind", Text),
    Column("state", Text),
    Column("area", JSONB),
    Column("child_count", Integer),
    Column("expected_children", Integer),
    Column("weight_kg", Float),
    Column("expected_weight_kg", Float),
    Column("parent", JSONB),
    Column("bill", JSONB),
    Column("bag_type", JSONB),
    Column("lot", Text),
    Column("variety", Text),
    Column("tag", Text),
    Column("created_at", TIME),
    Column("updated_at", TIME),
    Column("completed_at", TIME),
    Column("linked_at", TIME),
    Column("area_id", BigInteger),
    Column("parent_id", BigInteger),
    Column("bill_id", BigInteger),
    Column("bill_area_id", BigInteger),
    Column("created_by", BigInteger),
    Column("linked_by", BigInteger),
)
"""The bags as the API shows them (``bags.sql``)."""

users = Table("users", metadata, Column("id", BigInteger), Column("username", Text))

areas = Table("areas", metadata, Column("id", BigInteger), Column("name", Text))

scans = Table(
    "scans",
    metadata,
    Column("id", BigInteger),
    Column("received_at", TIME),
    Column("scan_id", Uuid),
    Column("user_id", BigInteger),
    Column("area_id", BigInteger),
    Column("bag_id", BigInteger),
    Column("parent_id", BigInteger),
    Column("undoes", Uuid),
    Column("scanned_at", TIME),
    Column("device_id", Uuid),
    Column("device_sequence", BigInteger),
    Column("action", Text),
    Column("outcome", Text),
    Column("refused", Boolean),
    Column("code", Text),
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("id", BigInteger),
    Column("at", TIME),
    Column("actor_id", BigInteger),
    Column("area_id", BigInteger),
    Column("subject_type", Text),
    Column("subject_id", BigInteger),
    Column("subject_code", Text),
    Column("parent_id", BigInteger),
    Column("action", Text),
    Column("before", JSONB),
    Column("after", JSONB),
)

bag_types = Table(
    "bag_types",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("name", Text),
    Column("expected_children", Integer),
    Column("child_weight_kg", Numeric(9, 3, asdecimal=False)),
    Column("code_pattern", Text),
    Column("is_default", Boolean),
    Column("shape_guard", Boolean),
    Column("updated_at", TIME),
)

label_patterns = Table(
    "label_patterns",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("name", Text),
    Column("pattern", Text),
    Column("kind", Text),
    Column("bag_type_id", BigInteger),
    Column("position", Integer),
    Column("enabled", Boolean),
    Column("updated_at", TIME),
)
