"""JSON routes under ``/api/v1``; every module's ``bp`` is registered by the app."""

from flask_smorest import Blueprint

from marketplace.api import (
    accounts,
    attachments,
    audit,
    codes,
    conflicts,
    contracts,
    diagnosis,
    disclosures,
    docking_days,
    dockings,
    duties,
    imports,
    matches,
    messages,
    needs,
    offers,
    organisations,
    papers,
    teams,
)

BLUEPRINTS: tuple[Blueprint, ...] = (
    accounts.secret,
    accounts.bp,
    attachments.bp,
    audit.bp,
    codes.bp,
    contracts.bp,
    conflicts.bp,
    diagnosis.bp,
    disclosures.bp,
    dockings.bp,
    duties.bp,
    docking_days.bp,
    imports.bp,
    matches.bp,
    messages.bp,
    needs.bp,
    offers.bp,
    organisations.bp,
    papers.bp,
    teams.bp,
)
