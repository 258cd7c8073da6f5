"""Which device a scan is from and its number there, so that a device can ask what has arrived."""

from tracetrack.platform.migrate import run_script

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # No scan has a device yet, so the partial index is empty and made at once.
    run_script("""
    alter table scans add column device_id uuid, add column device_sequence bigint;
    create index scans_device_idx on scans (device_id, device_sequence) where device_id is not null;
    drop function if exists
        floor_write_scan(floor_actor, uuid, text, text, timestamptz, jsonb, uuid),
        floor_link_children(floor_actor, uuid, text, jsonb, timestamptz),
        floor_undo(floor_actor, uuid, uuid, boolean, interval);
    """)


def downgrade() -> None:
    run_script("""
    drop index scans_device_idx;
    alter table scans drop column device_id, drop column device_sequence;
    """)
