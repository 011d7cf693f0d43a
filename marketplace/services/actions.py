"""What a caller may do with an object now, as links for the API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from marketplace import policies
from marketplace.domain.actors import Actor
from marketplace.domain.workflows import S, Transition, Workflow
from marketplace.errors import Invalid


def links(
    workflow: Workflow[S],
    state: S,
    actor: Actor,
    subject: Any,
    rules: policies.Rules,
    href: str,
) -> list[dict[str, Any]]:
    """List the actions that the state offers and the rules allow; see ``shown``."""
    rows = [
        row
        for row in workflow.offered(state)
        if policies.may(actor, row.action, subject, rules)
    ]
    return shown(rows, href)


def shown(rows: Iterable[Transition[Any]], href: str) -> list[dict[str, Any]]:
    """Show actions as links.

    Parameters
    ----------
    href : str
        Path of the object; an action is posted below it.

    Returns
    -------
    list of dict
        With ``title`` as a bilingual text, for the edge to speak.
    """
    return [
        {
            "name": row.action,
            "title": row.title,
            "method": "POST",
            "href": f"{href}/actions/{row.action}",
            "fields": ["comment", *row.fields],
        }
        for row in rows
    ]


def grant_for(
    workflow: Workflow[S],
    state: S,
    action: str,
    actor: Actor,
    subject: Any,
    rules: policies.Rules,
) -> tuple[policies.Grant, Transition[S]]:
    """Return under which hat the caller may take an action, and where it leads.

    Raises
    ------
    Unauthenticated, Forbidden
        The caller may not.
    IllegalTransition
        Nobody may now, or there is no such action.
    """
    if action not in workflow.actions:
        policies.require_signed_in(actor)
        workflow.step(state, action)
    grant = policies.require(actor, action, subject, rules)
    return grant, workflow.step(state, action)


def require_comment(row: Transition[Any], comment: str) -> None:
    """Refuse an action without the reason that it needs."""
    if row.needs_reason and not comment.strip():
        raise Invalid.at(
            "/comment", "required", "此操作须填写理由", "this action needs a reason"
        )
