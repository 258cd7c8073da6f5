"""The views and tables that bill queries read."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Float, Integer, Numeric, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from tracetrack.bags.tables import metadata

TIME = DateTime(timezone=True)
KG = Numeric(14, 3, asdecimal=False)

bill_cards = Table(
    "bill_cards",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("number", Text),
    Column("description", Text),
    Column("destination", Text),
    Column("vehicle", Text),
    Column("state", Text),
    Column("area", JSONB),
    Column("destination_area", JSONB),
    Column("target_parents", Integer),
    Column("parent_count", Integer),
    Column("child_count", Integer),
    Column("weight_kg", Float),
    Column("expected_weight_kg", Float),
    Column("variance_kg", Float),
    Column("created_by", JSONB),
    Column("created_at", TIME),
    Column("updated_at", TIME),
    Column("completed_by", JSONB),
    Column("completed_at", TIME),
    Column("revision", BigInteger),
    Column("etag", Text),
    Column("area_id", BigInteger),
    Column("destination_area_id", BigInteger),
    Column("version", BigInteger),
    Column("snapshot_id", BigInteger),
)
"""The bills as the API shows them (``bills.sql``): live totals, or the snapshot's once completed."""

bill_snapshots = Table(
    "bill_snapshots",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("bill_id", BigInteger),
    Column("revision", BigInteger),
    Column("reason", Text),
    Column("taken_at", TIME),
    Column("taken_by", BigInteger),
    Column("parent_count", Integer),
    Column("child_count", Integer),
    Column("weight_kg", KG),
    Column("expected_weight_kg", KG),
)

bill_snapshot_parents = Table(
    "bill_snapshot_parents",
    metadata,
    Column("snapshot_id", BigInteger),
    Column("position", Integer),
    Column("bag_id", BigInteger),
    Column("code", Text),
    Column("area_id", BigInteger),
    Column("child_count", Integer),
    Column("expected_children", Integer),
    Column("weight_kg", KG),
    Column("expected_weight_kg", KG),
    Column("attached_at", TIME),
    Column("attached_by", BigInteger),
)

billed_bags = Table(
    "bags",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("bill_id", BigInteger),
    Column("billed_at", TIME),
    Column("billed_by", BigInteger),
)
"""The columns of bags that say when and by whom a parent was put on its bill."""
