"""API keys: what each may be used for, and until when."""

from tracetrack.platform.migrate import run_script

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("""
    -- Null: everything that the key's role may do, for ever; keys from before are these.
    alter table api_keys add column scopes text[] check (cardinality(scopes) > 0);
    alter table api_keys add column expires_at timestamptz;
    """)


def downgrade() -> None:
    run_script("alter table api_keys drop column expires_at; alter table api_keys drop column scopes")
