"""Commands, as thin as routes."""

from marketplace.cli import accounts, audit, database, imports, scores, serving

COMMANDS = (
    accounts.operator,
    audit.audit,
    database.migrate,
    imports.import_,
    scores.learn,
    serving.serve,
    serving.work,
)
