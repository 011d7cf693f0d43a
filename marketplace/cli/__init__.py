"""Commands, as thin as routes."""

from marketplace.cli import accounts, audit, batches, database, imports, scores, serving

COMMANDS = (
    accounts.operator,
    audit.audit,
    batches.match_all,
    database.migrate,
    imports.import_,
    scores.learn,
    serving.serve,
    serving.work,
)
