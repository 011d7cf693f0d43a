"""Who gives a command, where it matters."""

from __future__ import annotations

import sqlalchemy as sa
import sqlalchemy.orm as so
from flask import current_app

from marketplace.domain.actors import Actor
from marketplace.errors import Invalid
from marketplace.models.users import User
from marketplace.services import accounts


def caller(session: so.Session, email: str) -> Actor:
    """Return the person with this address, as of now.

    Raises
    ------
    Invalid
        There is no such account, or it is disabled.
    """
    user = session.scalar(
        sa.select(User).where(
            User.email == accounts.normal_email(email), User.disabled_at.is_(None)
        )
    )
    if user is None:
        raise Invalid.at("--as", "unknown_account", "没有此账号", "no such account")
    now = current_app.extensions["jiebang.clock"].now()
    return accounts.as_user(session, Actor(now=now), user)
