"""SQLAlchemy tables, one module per aggregate; importing this registers them all."""

from marketplace.models import (
    attachments,
    codes,
    contracts,
    dockings,
    duties,
    idempotency,
    jobs,
    ledger,
    matches,
    messages,
    needs,
    offers,
    organisations,
    registrations,
    rules,
    users,
)

__all__ = [
    "attachments",
    "codes",
    "contracts",
    "dockings",
    "duties",
    "idempotency",
    "jobs",
    "ledger",
    "matches",
    "messages",
    "needs",
    "offers",
    "organisations",
    "registrations",
    "rules",
    "users",
]
