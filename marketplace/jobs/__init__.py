"""Background work: the runner of the outbox and what it runs, as thin as routes."""
