"""People are told once, as they have chosen, and a group is whom the preview showed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.actors import system
from marketplace.domain.ids import new_id
from marketplace.domain.messages import MailState
from marketplace.domain.organisations import OrganisationState
from marketplace.domain.roles import Role
from marketplace.errors import (
    Conflict,
    Forbidden,
    GroupChanged,
    IllegalTransition,
    Invalid,
    NotFound,
    Stale,
    Unauthenticated,
)
from marketplace.models.jobs import OutboxMessage
from marketplace.models.ledger import Event
from marketplace.models.messages import Message, MessagePreference
from marketplace.services import message_preferences as preferences
from marketplace.services import messages
from tests.people import World

ASKED = {"party": "海岱理工大学（演示）", "subject": "轻质托盘", "due": "2026-11-30"}
LATE = {
    "party": "海岱理工大学（演示）",
    "subject": "轻质托盘",
    "due": "2026-11-30",
    "step": "答复对接意向",
}
Tell = Callable[..., int]


@pytest.fixture
def tell(world: World) -> Tell:
    def run(*who: str, key: str = "docking:1:asked", **more: Any) -> int:
        said = {"topic": "docking.asked", "values": ASKED, **more}
        return messages.notify(
            world.session,
            system(world.clock.now()),
            to=[world.user(name).id for name in who],
            subject_kind="docking",
            subject_id=UUID(int=7),
            key=key,
            **said,
        )

    return run


def prefer(world: World, who: str, **data: Any) -> None:
    preferences.put(world.session, world.actor(who), data)


def titles(world: World, who: str, **filters: Any) -> list[str]:
    page = messages.inbox(world.session, world.actor(who), **filters).page()
    return [row["title"].zh for row in page.items]


def mails(session: so.Session) -> list[UUID]:
    rows = session.scalars(
        sa.select(OutboxMessage)
        .where(OutboxMessage.topic == "mail.send")
        .order_by(OutboxMessage.id)
    )
    return [UUID(row.payload["message_id"]) for row in rows]


def states(session: so.Session) -> list[MailState]:
    return list(session.scalars(sa.select(Message.mail_state).order_by(Message.id)))


def test_the_same_occasion_never_tells_a_person_twice(world: World, tell: Tell) -> None:
    assert tell("firm", "firm", "team") == 2
    assert tell("firm", "broker") == 1
    assert tell("firm", "broker") == 0
    assert tell("firm", key="docking:2:asked") == 1
    assert len(titles(world, "firm")) == 2
    assert len(mails(world.session)) == 4


def test_nothing_is_told_and_no_mail_is_asked_for_unless_it_happened(
    world: World, tell: Tell
) -> None:
    world.user("firm")
    world.session.commit()
    tell("firm")
    world.session.rollback()
    assert titles(world, "firm") == []
    assert mails(world.session) == []


def test_two_workers_that_report_one_occasion_at_once_tell_it_once(
    world: World,
) -> None:
    people = [world.user(who).id for who in ("firm", "team", "broker", "clerk")]
    world.session.commit()
    engine = world.session.get_bind()
    told: list[int] = []
    start = threading.Barrier(4)

    def report(number: int) -> None:
        start.wait()
        with so.Session(engine) as session:
            told.append(
                messages.notify(
                    session,
                    system(world.clock.now()),
                    to=people[number:] + people[:number],
                    topic="docking.asked",
                    values=ASKED,
                    subject_kind="docking",
                    subject_id=UUID(int=7),
                    key="once",
                )
            )
            session.commit()

    threads = [threading.Thread(target=report, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [0, 0, 0, 4]
    assert len(mails(world.session)) == 4


def test_mail_follows_each_persons_wish(world: World, tell: Tell) -> None:
    prefer(world, "team", email="digest")
    prefer(world, "broker", email="none")
    assert tell("firm", "team", "broker") == 3
    by_user = {
        row.user_id: (row.id, row.mail_state)
        for row in world.session.scalars(sa.select(Message))
    }
    assert {
        who: by_user[world.user(who).id][1] for who in ("firm", "team", "broker")
    } == {
        "firm": MailState.WAITING,
        "team": MailState.DIGEST,
        "broker": MailState.UNWANTED,
    }
    assert mails(world.session) == [by_user[world.user("firm").id][0]]


def test_a_muted_topic_is_not_told_but_of_a_mandatory_one_only_the_mail(
    world: World, tell: Tell
) -> None:
    prefer(world, "firm", muted=["docking.asked", "duty.escalated"])
    assert tell("firm") == 0
    assert tell("firm", key="late", topic="duty.escalated", values=LATE) == 1
    assert titles(world, "firm") == ["逾期：答复对接意向（海岱理工大学（演示））"]
    assert states(world.session) == [MailState.UNWANTED]


def test_a_disabled_account_is_not_told(world: World, tell: Tell) -> None:
    world.user("firm").disabled_at = world.clock.now()
    world.session.flush()
    assert tell("firm", "team") == 1


def test_a_digest_is_no_message_of_its_own(tell: Tell) -> None:
    with pytest.raises(ValueError, match="no message of its own"):
        tell("firm", topic="digest", values={"count": 1, "lines": ""})


def test_everybody_reads_his_own_messages_only(world: World, tell: Tell) -> None:
    tell("firm")
    row = messages.inbox(world.session, world.actor("firm")).page().items[0]
    for who in ("firm_admin", "operator"):
        assert titles(world, who) == []
        with pytest.raises(NotFound):
            messages.get(world.session, world.actor(who), row["id"])
        with pytest.raises(NotFound):
            messages.act(world.session, world.actor(who), row["id"], "read")
    with pytest.raises(Unauthenticated):
        messages.inbox(world.session, world.actor("stranger"))
    assert row["href"] == f"/api/v1/dockings/{UUID(int=7)}"


def test_a_message_is_read_once_and_by_who_has_seen_it_unread(
    world: World, tell: Tell
) -> None:
    tell("firm")
    actor, session = world.actor("firm"), world.session
    row = messages.inbox(session, actor).page().items[0]
    assert [action["name"] for action in row["actions"]] == ["read"]
    with pytest.raises(Stale):
        messages.act(session, actor, row["id"], "read", expected=messages.READ)
    with pytest.raises(IllegalTransition) as refused:
        messages.act(session, actor, row["id"], "forget")
    assert refused.value.extra == {"state": "unread", "possible": ["read"]}
    read = messages.act(session, actor, row["id"], "read", expected=messages.UNREAD)
    assert read.read_at == world.clock.now()
    assert messages.view(read)["actions"] == []
    assert messages.unread_count(session, actor) == 0
    with pytest.raises(IllegalTransition) as refused:
        messages.act(session, actor, row["id"], "read")
    assert refused.value.extra == {"state": "read", "possible": []}


def test_reading_all_leaves_what_came_after_the_look(world: World, tell: Tell) -> None:
    tell("firm", "team")
    seen = world.clock.now()
    world.clock.advance(minutes=1)
    tell("firm", key="docking:2:asked")
    actor, session = world.actor("firm"), world.session
    assert messages.read_all(session, actor, until=seen) == 1
    assert messages.unread_count(session, actor) == 1
    assert len(titles(world, "firm", unread=False)) == 1
    assert messages.read_all(session, actor) == 1
    assert messages.read_all(session, actor) == 0
    assert messages.unread_count(session, world.actor("team")) == 1


def test_the_people_of_a_unit_are_those_whose_role_counts(world: World) -> None:
    org = world.org("firm_admin")
    world.user("firm")
    everybody = messages.members(world.session, org.id)
    assert everybody == {world.user("firm").id, world.user("firm_admin").id}
    assert messages.members(world.session, org.id, {Role.UNIT_ADMIN}) == {
        world.user("firm_admin").id
    }
    world.user("firm_admin").disabled_at = world.clock.now()
    world.session.flush()
    assert messages.members(world.session, org.id, {Role.UNIT_ADMIN}) == frozenset()
    org.state = OrganisationState.PENDING
    world.session.flush()
    assert messages.members(world.session, org.id) == frozenset()


def test_preferences_are_those_of_nobody_until_somebody_speaks(world: World) -> None:
    actor, session = world.actor("firm"), world.session
    revision, shown = preferences.get(session, actor)
    assert (revision, shown["email"], shown["digest_hour"]) == (0, "immediate", 8)
    assert not any(topic["muted"] for topic in shown["topics"])
    preferences.put(session, actor, {"email": "digest"}, expected=0)
    with pytest.raises(Stale):
        preferences.put(session, actor, {"email": "none"}, expected=0)
    revision, shown = preferences.get(session, actor)
    assert (revision, shown["email"]) == (1, "digest")
    preferences.put(session, actor, {"muted": ["docking.asked"]}, expected=1)
    _, shown = preferences.get(session, actor)
    assert (shown["email"], shown["muted"]) == ("immediate", ["docking.asked"])
    written = session.scalars(
        sa.select(Event.changes)
        .where(Event.action == "user.message-preferences")
        .order_by(Event.id)
    ).all()
    assert written[0] == {"email": {"old": "immediate", "new": "digest"}}
    assert len(written) == 2
    with pytest.raises(Invalid) as refused:
        preferences.put(session, actor, {"muted": ["docking.nothing"]})
    assert refused.value.errors[0].pointer == "/muted/0"


def audience_of(world: World, **audience: Any) -> set[str]:
    group = messages.preview_group(world.session, world.actor("operator"), audience)
    assert group.number == len(group.recipients)
    return {row["name"] for row in group.recipients}


def test_the_preview_shows_exactly_whom_a_message_reaches(world: World) -> None:
    for who in ("firm", "firm_admin", "team", "pending_admin", "other_firm"):
        world.user(who)
    assert audience_of(world, roles=["demand"]) == {"firm", "firm_admin", "other_firm"}
    assert audience_of(world, roles=["demand"], region="370200") == {
        "firm",
        "firm_admin",
    }
    assert audience_of(world, organisation_ids=[world.org("team").id]) == {"team"}
    assert "pending_admin" not in audience_of(world, region="370000")
    both = world.make_user("both", world.org("firm"), (Role.DEMAND,))
    messages_of = messages.preview_group(
        world.session, world.actor("operator"), {"roles": ["demand"]}
    )
    row = next(r for r in messages_of.recipients if r["user_id"] == both.id)
    assert [org["name"] for org in row["organisations"]] == [world.org("firm").name]


def test_a_group_is_named_by_what_exists_and_by_operators(world: World) -> None:
    operator, session = world.actor("operator"), world.session
    for audience, pointer in (
        ({}, "/audience"),
        ({"roles": []}, "/audience"),
        ({"region": "999999"}, "/audience/region"),
        ({"organisation_ids": [new_id()]}, "/audience/organisation_ids/0"),
        (
            {"organisation_ids": [world.org("pending_admin").id]},
            "/audience/organisation_ids/0",
        ),
    ):
        with pytest.raises(Invalid) as refused:
            messages.preview_group(session, operator, audience)
        assert refused.value.errors[0].pointer == pointer, audience
    for who in ("firm_admin", "district", "province"):
        with pytest.raises(Forbidden):
            messages.preview_group(session, world.actor(who), {"roles": ["demand"]})


def send(world: World, group: messages.Group, **more: Any) -> messages.Sending:
    said: dict[str, Any] = {
        "audience": {"roles": ["demand"]},
        "subject": "停机通知",
        "text": "周六维护。",
        "number": group.number,
        "digest": group.digest,
        **more,
    }
    return messages.send_group(world.session, world.actor("operator"), **said)


def test_a_group_that_has_changed_since_its_preview_is_refused_with_its_number(
    world: World,
) -> None:
    world.user("firm")
    group = messages.preview_group(
        world.session, world.actor("operator"), {"roles": ["demand"]}
    )
    assert group.number == 1
    world.user("other_firm")
    with pytest.raises(GroupChanged) as refused:
        send(world, group)
    assert refused.value.extra == {"number": 2}
    # As many, but other people: the number alone would not tell.
    world.user("firm").disabled_at = world.clock.now()
    world.session.flush()
    with pytest.raises(GroupChanged) as refused:
        send(world, group)
    assert refused.value.extra == {"number": 1}
    assert titles(world, "other_firm") == []


def test_a_message_to_a_group_reaches_each_once_and_is_written_down(
    world: World,
) -> None:
    prefer(world, "firm", email="none", muted=["group.notice"])
    world.user("other_firm")
    group = messages.preview_group(
        world.session, world.actor("operator"), {"roles": ["demand"]}
    )
    sending = send(world, group)
    assert sending.number == 2
    with pytest.raises(Conflict):
        send(world, group)
    assert titles(world, "firm") == titles(world, "other_firm") == ["停机通知"]
    event = world.session.scalars(
        sa.select(Event).where(Event.action == "message.send-group")
    ).one()
    assert event.subject_id == sending.id
    assert event.actor_role == "operator"
    assert event.changes["number"]["new"] == 2
    world.clock.advance(days=1)
    assert send(world, group).number == 2
    with pytest.raises(Invalid):
        send(world, group, subject=" ")


def test_a_group_without_anybody_is_refused(world: World) -> None:
    audience = {"roles": ["fund_manager"]}
    group = messages.preview_group(world.session, world.actor("operator"), audience)
    assert group.number == 0
    with pytest.raises(Invalid) as refused:
        send(world, group, audience=audience)
    assert refused.value.errors[0].code == "nobody"


def test_a_preference_of_the_machine_is_no_revision_of_the_persons(
    world: World, tell: Tell
) -> None:
    from marketplace.services import message_mails

    prefer(world, "firm", email="digest")
    tell("firm")
    later = system(world.clock.now() + timedelta(days=1))
    assert message_mails.put_digests(world.session, later) == 1
    found = world.session.get(
        MessagePreference, world.user("firm").id, populate_existing=True
    )
    assert found is not None
    assert found.revision == 1
    assert found.digested_on == later.today
