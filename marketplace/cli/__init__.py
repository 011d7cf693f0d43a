"""Commands, as thin as routes."""

from marketplace.cli import accounts, audit, database, imports, serving

COMMANDS = (
    accounts.operator,
    audit.audit,
    database.migrate,
    imports.import_,
    serving.serve,
    serving.work,
)
