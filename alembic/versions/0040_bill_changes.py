"""How often the bags of a bill, or what is in them, changed: the bill's ETag covers it.

Counts alone do not tell one parent that was exchanged for another. ``bags_linked()``
(``bags/links.sql``) counts on.
"""

from tracetrack.platform.migrate import run_script

revision = "0040"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("alter table bill_totals add column changes bigint not null default 1")


def downgrade() -> None:
    run_script("""
    drop view if exists bill_cards cascade;
    alter table bill_totals drop column changes;
    """)
