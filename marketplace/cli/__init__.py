"""Commands, as thin as routes."""

from marketplace.cli import audit, database, serving

COMMANDS = (
    audit.audit,
    database.migrate,
    serving.serve,
    serving.work,
)
