"""SQLAlchemy tables, one module per aggregate; importing this registers them all."""

from marketplace.models import (
    attachments,
    codes,
    idempotency,
    jobs,
    ledger,
    matches,
    needs,
    offers,
    organisations,
    rules,
    users,
)

__all__ = [
    "attachments",
    "codes",
    "idempotency",
    "jobs",
    "ledger",
    "matches",
    "needs",
    "offers",
    "organisations",
    "rules",
    "users",
]
