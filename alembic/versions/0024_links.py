"""What triggers and a foreign key did for each bag, done once a statement: ``bags/links.sql``.

The key of ``bag_type_id`` was checked again at each of a new parent's counts, and two triggers told
each parent's first and last child.
"""

from pathlib import Path
from typing import Any

from alembic import op

from tracetrack.platform.migrate import run_script
from tracetrack.settings import ROOT

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

LINKS = Path(ROOT) / "backend/tracetrack/bags/links.sql"


def upgrade() -> None:
    # The functions come in the same transaction, so that no statement falls between.
    run_script(LINKS.read_text("utf-8"))
    run_script("""
    drop trigger bags_5_empty_insert on bags;
    drop trigger bags_5_empty_update on bags;
    drop trigger bags_5_filled_update on bags;
    drop trigger bags_5_filled_delete on bags;
    drop function parent_emptied(), parent_filled();

    alter table bags drop constraint bags_bag_type_id_fkey;
    create trigger bags_2_typed_update after update of bag_type_id on bags
        for each row when (new.bag_type_id is not null and new.bag_type_id is distinct from old.bag_type_id)
        execute function bag_typed();
    create trigger bag_types_unused after delete on bag_types
        for each row execute function bag_type_unused();
    """)


def downgrade() -> None:
    run_script(_of("0005").BAGS_LINKED + _of("0002").BAGS_BELONG + _of("0020").EMPTY_PARENTS)
    run_script("""
    drop trigger bags_2_typed_update on bags;
    drop trigger bag_types_unused on bag_types;
    drop function bag_typed(), bag_type_unused(), bag_types_held(bigint[]);
    alter table bags add constraint bags_bag_type_id_fkey foreign key (bag_type_id) references bag_types;
    """)


def _of(earlier: str) -> Any:
    """The module of an earlier migration."""
    scripts = op.get_context().environment_context.script  # type: ignore[union-attr]
    return scripts.get_revision(earlier).module  # type: ignore[union-attr]
