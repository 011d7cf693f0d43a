"""What holds for needs and offers alike: movers, visibility, tiers, versions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
import sqlalchemy.orm as so
from sqlalchemy.exc import DBAPIError

from marketplace import policies
from marketplace.domain.actors import Actor, system
from marketplace.domain.ids import new_id
from marketplace.domain.needs import NeedState
from marketplace.domain.offers import OfferState
from marketplace.errors import (
    Forbidden,
    IllegalTransition,
    Invalid,
    NotFound,
    Stale,
    Unauthenticated,
)
from marketplace.models.ledger import Event
from marketplace.models.organisations import DisclosureGrant
from marketplace.services import lifecycles
from tests.listings import (
    ADMINS,
    OWNERS,
    PATHS,
    PUBLISHED,
    SAMPLES,
    SERVICES,
    SYSTEM_MOVES,
    make,
    tour,
    undone,
    walk,
)
from tests.people import ROLES, World

KINDS = ("need", "offer")
STATES = {"need": list(NeedState), "offer": list(OfferState)}
FIRM = {"firm", "firm_admin"}
UNIVERSITY = {"team", "university_admin"}
OPERATORS = {"operator", "operator_two"}
MOVERS: dict[str, dict[tuple[str, str], set[str]]] = {
    # (state, action): who may, by the table of the domain reference
    "need": {
        ("DRAFT", "submit"): {"firm_admin"},
        ("RETURNED", "submit"): {"firm_admin"},
        ("SUBMITTED", "district-approve"): {"district"},
        ("SUBMITTED", "return"): {"district"},
        ("DISTRICT_OK", "return"): OPERATORS,
        ("DISTRICT_OK", "formal-approve"): OPERATORS,
        ("FORMAL_OK", "argue-pass"): OPERATORS,
        ("FORMAL_OK", "argue-fail"): OPERATORS,
        ("ARGUED", "pool"): OPERATORS,
        ("EXPIRED", "renew"): {"firm_admin"},
        **{
            (state, "withdraw"): FIRM
            for state in (
                "DRAFT",
                "SUBMITTED",
                "RETURNED",
                "DISTRICT_OK",
                "FORMAL_OK",
                "ARGUED",
                "POOLED",
                "CALLED",
                "DOCKING",
                "EXPIRED",
            )
        },
    },
    "offer": {
        ("DRAFT", "submit"): UNIVERSITY,
        ("SUBMITTED", "unit-approve"): {"university_admin"},
        ("SUBMITTED", "return"): {"university_admin"},
        ("UNIT_OK", "return"): OPERATORS,
        ("UNIT_OK", "register"): OPERATORS,
        ("UNIT_OK", "reject"): OPERATORS,
        ("REGISTERED", "list"): {"university_admin"} | OPERATORS,
        **{
            (state, "delist"): {"university_admin"} | OPERATORS
            for state in ("REGISTERED", "LISTED", "TRIAL", "PRICING")
        },
    },
}
REVIEWERS = {"need": {"district"} | OPERATORS, "offer": OPERATORS}
UNSEEN_BY_REVIEWERS = {"need": {"DRAFT"}, "offer": {"DRAFT", "SUBMITTED"}}
INSIDERS = {"need": FIRM, "offer": UNIVERSITY}
ON_THE_MARKET = {
    "need": {"POOLED", "CALLED", "DOCKING", "CONTRACTED", "SOLVED"},
    "offer": {"LISTED", "TRIAL", "PRICING", "CONVERTED"},
}
PEOPLE = (*ROLES, "stranger")


def machine(world: World) -> Actor:
    return system(world.clock.now())


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_mover_of_the_table_moves(world: World, kind: str) -> None:
    service, session = SERVICES[kind], world.session
    workflow = service.KIND.workflow
    actors = {who: world.actor(who) for who in PEOPLE}
    toured = []
    for made in tour(world, kind, make(world, kind).id):
        state = made.state
        toured.append(state)
        for action in sorted(workflow.actions):
            movers = MOVERS[kind].get((state.value, action), set())
            offered = any(
                t.action == action and not t.published_only
                for t in workflow.offered(state)
            )
            assert offered == bool(movers), (state, action)
            for who, actor in actors.items():
                listed = action in [
                    t.action for t in lifecycles.allowed(actor, service.KIND, made)
                ]
                assert listed == (who in movers), (state, action, who)
            for who in sorted(movers)[:1]:
                with undone(session):
                    moved = service.act(
                        session, actors[who], made.id, action, comment="理由"
                    )
                    assert moved.state is workflow.step(state, action).target
    assert sorted(toured) == sorted(STATES[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_else_moves_anything(world: World, kind: str) -> None:
    service, session = SERVICES[kind], world.session
    workflow = service.KIND.workflow
    tried = ("operator", "other_firm", ADMINS[kind], "stranger")
    actors = {who: world.actor(who) for who in tried}
    for made in tour(world, kind, make(world, kind).id):
        state = made.state
        here = [t.action for t in workflow.offered(state)]
        elsewhere = sorted(workflow.actions - set(here))
        for action in [*here, elsewhere[0]]:
            for who, actor in actors.items():
                if who in MOVERS[kind].get((state.value, action), set()):
                    continue
                with pytest.raises(
                    (NotFound, Forbidden, Unauthenticated, IllegalTransition)
                ) as caught:
                    service.act(session, actor, made.id, action, comment="理由")
                if isinstance(caught.value, IllegalTransition):
                    assert caught.value.extra["state"] == state.value
        assert made.state is state


@pytest.mark.parametrize("kind", KINDS)
def test_a_move_of_the_system_is_no_action_of_a_person(world: World, kind: str) -> None:
    service = SERVICES[kind]
    made = make(world, kind, PUBLISHED[kind])
    possible = service.KIND.workflow.offered(made.state)
    for action in [*sorted(SYSTEM_MOVES), "revise", "nonsense"]:
        for who in (ADMINS[kind], "operator"):
            with pytest.raises(IllegalTransition) as caught:
                service.act(world.session, world.actor(who), made.id, action)
            assert caught.value.extra["state"] == PUBLISHED[kind]
            assert set(caught.value.extra["possible"]) <= {t.action for t in possible}
    action = "call" if kind == "need" else "try"
    with pytest.raises(Forbidden):
        service.advance(world.session, world.actor("operator"), made.id, action)


def visible(kind: str, state: str, who: str, *, published: bool) -> bool:
    """Who may know of an object, in the words of the domain reference."""
    if who in INSIDERS[kind]:
        return True
    if who in REVIEWERS[kind] and state not in UNSEEN_BY_REVIEWERS[kind]:
        return True
    if who in OPERATORS and published:
        return True
    gone = {"REJECTED", "WITHDRAWN", "EXPIRED", "DELISTED"}
    return published and state not in gone


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_row_filter_agrees_with_the_rule(
    world: World, kind: str, *, again: bool
) -> None:
    """The list, the rule and the reference agree, state by state and role by role.

    ``again`` tours the states with a second version under review, while the first
    one stays published.
    """
    service, session = SERVICES[kind], world.session
    actors = {who: world.actor(who) for who in PEOPLE}
    reads = {"need": policies.reads_working_need, "offer": policies.reads_working_offer}
    made = make(world, kind, PUBLISHED[kind] if again else "DRAFT")
    if again:
        service.edit(session, machine(world), made.id, {"title": "第二版"})
    for subject in tour(world, kind, made.id):
        state, published = subject.state.value, subject.published is not None
        of_working = sa.select(service.KIND.model.id)
        for who, actor in actors.items():
            case = (who, state, published)
            rows = list(service.search(session, actor).page().items)
            expected = visible(kind, state, who, published=published)
            assert [row["id"] for row in rows] == [made.id] * expected, case
            if not expected:
                with pytest.raises(NotFound):
                    service.get(session, actor, made.id)
                continue
            working = session.scalars(of_working.where(service.KIND.working(actor)))
            reads_it = reads[kind](actor, subject)
            assert bool(working.all()) == reads_it, case
            if not reads_it:
                shown = service.view(session, actor, subject)
                assert rows[0]["state"] == shown["state"], case
                assert shown["state"].value in ON_THE_MARKET[kind], case
                assert rows[0]["title"] == shown["title"] == subject.published.title
                takes_down = kind == "offer" and who in OPERATORS
                offered = [action["name"] for action in shown["actions"]]
                assert offered == ["delist"] * takes_down, case
                reviews = who in REVIEWERS[kind]
                assert ("opinions" in shown) == reviews, case
                told = {o["version"] for o in shown.get("opinions", [])}
                assert told == ({1} if reviews else set()), case


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_counts_only_what_is_shown(world: World, kind: str) -> None:
    for state in ("DRAFT", "SUBMITTED", PUBLISHED[kind]):
        make(world, kind, state)
    service = SERVICES[kind]
    for who, count in (("stranger", 1), (OWNERS[kind], 3), ("other_firm", 1)):
        page = service.search(world.session, world.actor(who)).page()
        assert (page.total, len(page.items)) == (count, count)
    hidden = service.search(world.session, world.actor("stranger"), state="SUBMITTED")
    assert hidden.page().total == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_targeted_object_is_for_its_targets(world: World, kind: str) -> None:
    session = world.session
    more: dict[str, Any] = {"disclosure": "TARGETED"}
    if kind == "need":
        unit = world.org("team").id
        more["intended_units"] = [{"organisation_id": unit}]
    made = make(world, kind, PUBLISHED[kind], **more)
    granted = world.org("broker")
    session.add(
        DisclosureGrant(
            subject_kind=kind,
            subject_id=made.id,
            org_id=granted.id,
            granted_at=world.clock.now(),
            granted_by=world.user("broker").id,
            basis="NDA",
        )
    )
    session.flush()
    sees = INSIDERS[kind] | REVIEWERS[kind] | {"broker"}
    if kind == "need":
        sees |= UNIVERSITY
    for who in PEOPLE:
        found = SERVICES[kind].search(session, world.actor(who)).page().items
        assert bool(found) == (who in sees), who


@pytest.mark.parametrize("kind", KINDS)
def test_the_published_version_stays_until_the_next_one_is_published(
    world: World, kind: str
) -> None:
    service, session = SERVICES[kind], world.session
    owner, stranger = world.actor(ADMINS[kind]), world.actor("stranger")
    made = make(world, kind, PUBLISHED[kind])
    old = SAMPLES[kind]["title"]
    service.edit(session, owner, made.id, {"title": "第二版标题"})
    for subject in tour(world, kind, made.id):
        state = subject.state.value
        if state in {"REJECTED", "WITHDRAWN", "EXPIRED", "DELISTED"}:
            continue
        mine = service.view(session, owner, subject)
        assert (mine["title"], mine["version"]) == ("第二版标题", 2)
        assert mine["state"].value == state
        seen = service.view(session, stranger, subject)
        if state in ON_THE_MARKET[kind]:
            assert (seen["title"], seen["version"]) == ("第二版标题", 2)
            assert mine["published_version"] == 2
        else:
            assert (seen["title"], seen["version"]) == (old, 1)
            assert seen["state"].value == PUBLISHED[kind]
            assert mine["published_version"] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_locked_text_is_not_edited(world: World, kind: str) -> None:
    service, session = SERVICES[kind], world.session
    kinds, owner = service.KIND, world.actor(OWNERS[kind])
    for made in tour(world, kind, make(world, kind).id):
        state, before = made.state, made.working.number
        with undone(session):
            if state in kinds.open_states or state in kinds.revisable:
                edited = service.edit(session, owner, made.id, {"title": "新"})
                again = state in kinds.revisable
                assert edited.working.number == before + again
                assert edited.working.title == "新"
                assert edited.state in kinds.open_states
                assert (edited.published is not None) == (
                    state.value == PUBLISHED[kind]
                )
            else:
                with pytest.raises(IllegalTransition) as caught:
                    service.edit(session, owner, made.id, {"title": "新"})
                assert caught.value.extra["state"] == state.value


@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_that_changes_nothing_begins_no_version(
    world: World, kind: str
) -> None:
    service, session = SERVICES[kind], world.session
    made = make(world, kind, PUBLISHED[kind])
    revision = made.revision
    sample = {k: v for k, v in SAMPLES[kind].items() if k != "kind"}
    same = service.edit(session, world.actor(OWNERS[kind]), made.id, sample)
    assert (same.state.value, same.working.number) == (PUBLISHED[kind], 1)
    assert same.revision == revision


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_owner_edits(world: World, kind: str) -> None:
    made = make(world, kind, PUBLISHED[kind])
    for who in PEOPLE:
        if who in INSIDERS[kind]:
            continue
        with pytest.raises((Forbidden, Unauthenticated)):
            SERVICES[kind].edit(
                world.session, world.actor(who), made.id, {"title": "改"}
            )


@pytest.mark.parametrize("kind", KINDS)
def test_a_fixed_version_never_changes(world: World, kind: str) -> None:
    service, session = SERVICES[kind], world.session
    made = make(world, kind, PUBLISHED[kind])
    fixed = made.published
    assert fixed.fixed_at == world.clock.now()
    table = service.KIND.version_model.__table__
    children = "need_indicators" if kind == "need" else "offer_indicators"

    def stored() -> list[Any]:
        rows = list(session.execute(sa.select(table).where(table.c.id == fixed.id)))
        rows += session.execute(
            sa.text(f"SELECT * FROM {children} WHERE version_id = :id"),
            {
                "id": fixed.id
                if session.get_bind().dialect.name != "sqlite"
                else fixed.id.hex
            },
        )
        return rows

    before = stored()
    assert len(before) > 1
    service.edit(
        session,
        world.actor(OWNERS[kind]),
        made.id,
        {"title": "新", "indicators": [], "keywords": ["别的"]},
    )
    walk(session, machine(world), kind, made.id, "DRAFT")
    assert stored() == before
    identity = fixed.id if session.get_bind().dialect.name != "sqlite" else fixed.id.hex
    for statement in (
        f"UPDATE {table.name} SET title = 'x' WHERE id = :id",
        f"DELETE FROM {table.name} WHERE id = :id",
        f"UPDATE {children} SET name = 'x' WHERE version_id = :id",
        f"DELETE FROM {children} WHERE version_id = :id",
    ):
        with undone(session), pytest.raises(DBAPIError, match="fixed version"):
            session.execute(sa.text(statement), {"id": identity})
    with undone(session):
        session.execute(
            sa.text(f"UPDATE {table.name} SET search_full = 'x' WHERE id = :id"),
            {"id": identity},
        )


@pytest.mark.parametrize("kind", KINDS)
def test_versions_and_their_differences(world: World, kind: str) -> None:
    service, session = SERVICES[kind], world.session
    owner, stranger = world.actor(OWNERS[kind]), world.actor("stranger")
    made = make(world, kind, PUBLISHED[kind])
    first, *rest = SAMPLES[kind]["indicators"]
    changed = {**first, "value": "400"}
    added = {"text": "屈服强度≥340MPa"}
    service.edit(
        session,
        owner,
        made.id,
        {"title": "第二版", "indicators": [added, changed]},
    )
    subject = service.get(session, owner, made.id)
    numbers = [v["number"] for v in service.versions(session, owner, made.id)]
    assert numbers == [1, 2]
    found = service.compare(session, owner, subject, 1, 2)
    changes = {c["pointer"]: (c["old"], c["new"]) for c in found["changes"]}
    assert changes["/title"] == (SAMPLES[kind]["title"], "第二版")
    assert changes["/indicators/1/value"] == (first["value"], "400")
    assert changes["/indicators/0"][0] is None
    assert changes["/indicators/0"][1]["name"] == "屈服强度"
    gone = {p: c for p, c in changes.items() if c[1] is None}
    assert len(gone) == len(rest)
    assert len(changes) == 3 + len(rest)
    back = service.compare(session, owner, subject, 2, 1)["changes"]
    assert {"pointer": "/title", "old": "第二版", "new": SAMPLES[kind]["title"]} in back
    assert service.compare(session, owner, subject, 1, 1)["changes"] == []
    assert service.version(session, owner, subject, 1)["content"]["title"] != "第二版"
    assert [v["number"] for v in service.versions(session, stranger, made.id)] == [1]
    for number in (2, 3, 0):
        with pytest.raises(NotFound):
            service.version(session, stranger, subject, number)
    with pytest.raises(NotFound):
        service.compare(session, stranger, subject, 1, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_an_older_version_is_not_for_outsiders(world: World, kind: str) -> None:
    service, session = SERVICES[kind], world.session
    made = make(world, kind, PUBLISHED[kind])
    service.edit(session, world.actor(OWNERS[kind]), made.id, {"disclosure": "NDA"})
    walk(session, machine(world), kind, made.id, PUBLISHED[kind])
    stranger = world.actor("stranger")
    assert [v["number"] for v in service.versions(session, stranger, made.id)] == [2]
    subject = service.get(session, stranger, made.id)
    with pytest.raises(NotFound):
        service.version(session, stranger, subject, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_editor_is_told(world: World, kind: str) -> None:
    service, session = SERVICES[kind], world.session
    made = make(world, kind)
    seen = str(made.revision)
    actor = world.actor(ADMINS[kind])
    service.edit(session, actor, made.id, {"title": "甲"}, expected=seen)
    for attempt in (
        lambda: service.edit(session, actor, made.id, {"title": "乙"}, expected=seen),
        lambda: service.act(session, actor, made.id, "submit", expected=seen),
        lambda: service.delete_draft(session, actor, made.id, expected=seen),
    ):
        with pytest.raises(Stale):
            attempt()
    assert service.get(session, actor, made.id).working.title == "甲"


@pytest.mark.parametrize("kind", KINDS)
def test_two_sessions_cannot_both_edit(world: World, kind: str) -> None:
    """The revision in the UPDATE decides, whatever the callers have compared."""
    made = make(world, kind)
    actor, engine = world.actor(OWNERS[kind]), world.session.get_bind()
    service, made_id, seen = SERVICES[kind], made.id, str(made.revision)
    world.session.commit()
    with so.Session(engine) as one:
        service.edit(one, actor, made_id, {"title": "甲"}, expected=seen)
        one.commit()
    with so.Session(engine) as two, pytest.raises(Stale):
        service.edit(two, actor, made_id, {"title": "乙"}, expected=seen)


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_submission_is_refused(world: World, kind: str) -> None:
    service, session = SERVICES[kind], world.session
    made = make(world, kind)
    actor = world.actor(ADMINS[kind])
    service.act(session, actor, made.id, "submit")
    with pytest.raises(IllegalTransition):
        service.act(session, actor, made.id, "submit")
    submitted = session.scalars(
        sa.select(Event).where(
            Event.subject_id == made.id, Event.action == f"{kind}.submit"
        )
    ).all()
    assert len(submitted) == 1
    assert submitted[0].actor_role in {"unit_admin", "supplier"}


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_never_submitted_draft_is_deleted(world: World, kind: str) -> None:
    service, session = SERVICES[kind], world.session
    owner = world.actor(OWNERS[kind])
    draft = make(world, kind)
    draft_id = draft.id
    for who in ("other_firm", "operator", "stranger"):
        with pytest.raises(NotFound):
            service.delete_draft(session, world.actor(who), draft_id)
    service.delete_draft(session, owner, draft_id)
    with pytest.raises(NotFound):
        service.get(session, owner, draft_id)
    trace = session.scalars(
        sa.select(Event).where(
            Event.subject_id == draft_id, Event.action == f"{kind}.delete"
        )
    ).one()
    assert trace.changes["title"]["old"] == SAMPLES[kind]["title"]
    other = make(world, kind)
    for made in tour(world, kind, other.id):
        if made.state is not service.KIND.workflow.initial:
            with pytest.raises(IllegalTransition):
                service.delete_draft(session, owner, made.id)
    made = make(world, kind, PUBLISHED[kind])
    service.edit(session, owner, made.id, {"title": "第二版"})
    with pytest.raises(IllegalTransition):
        service.delete_draft(session, owner, made.id)


def test_a_returned_offer_is_a_draft_that_was_submitted(world: World) -> None:
    made = make(world, "offer", "SUBMITTED")
    service = SERVICES["offer"]
    service.act(
        world.session,
        world.actor("university_admin"),
        made.id,
        "return",
        comment="补充",
    )
    assert made.state is OfferState.DRAFT
    with pytest.raises(IllegalTransition):
        service.delete_draft(world.session, world.actor("team"), made.id)


@pytest.mark.parametrize("kind", KINDS)
def test_a_return_says_what_is_wrong_with_which_field(world: World, kind: str) -> None:
    service, session = SERVICES[kind], world.session
    made = make(world, kind, "SUBMITTED")
    reviewer = world.actor({"need": "district", "offer": "university_admin"}[kind])
    note = {"pointer": "/indicators/0/value", "comment": "请给出测试条件"}
    with pytest.raises(Invalid) as caught:
        service.act(session, reviewer, made.id, "return", field_comments=[note])
    assert [e.pointer for e in caught.value.errors] == ["/comment"]
    with pytest.raises(Invalid) as caught:
        service.act(
            session,
            reviewer,
            made.id,
            "return",
            comment="退回",
            field_comments=[{"pointer": "/nothing/0", "comment": ""}, "x"],
            valid_until="2027-01-01",
        )
    assert {e.pointer for e in caught.value.errors} == {
        "/field_comments/0/pointer",
        "/field_comments/0/comment",
        "/field_comments/1",
        "/field_comments/1/pointer",
        "/field_comments/1/comment",
        "/valid_until",
    }
    service.act(
        session, reviewer, made.id, "return", comment="请修改", field_comments=[note]
    )
    owner = world.actor(OWNERS[kind])
    opinions = service.view(session, owner, service.get(session, owner, made.id))[
        "opinions"
    ]
    assert len(opinions) == 1
    assert opinions[0]["field_comments"] == [note]
    assert opinions[0]["comment"] == "请修改"
    assert opinions[0]["user_name"] in {"district", "university_admin"}
    assert opinions[0]["step"] in {"district", "unit"}


def test_both_opinions_are_kept(world: World) -> None:
    session, service = world.session, SERVICES["need"]
    made = make(world, "need", "SUBMITTED")
    district, operator = world.actor("district"), world.actor("operator")
    service.act(session, district, made.id, "district-approve", comment="同意推荐")
    service.act(session, operator, made.id, "return", comment="预算缺依据")
    service.act(session, world.actor("firm_admin"), made.id, "submit")
    owner = world.actor("firm")
    shown = service.view(session, owner, service.get(session, owner, made.id))
    assert [(o["step"], o["comment"], o["role"]) for o in shown["opinions"]] == [
        ("district", "同意推荐", "district_reviewer"),
        ("formal", "预算缺依据", "operator"),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_judges_his_own_unit(world: World, kind: str) -> None:
    """An operator or reviewer of the owning unit has no say in its matters."""
    session, service = world.session, SERVICES[kind]
    owner = world.org("operator") if kind == "offer" else world.org("district")
    judge = world.actor("operator" if kind == "offer" else "district")
    data = {**SAMPLES[kind], "owner_org_id": owner.id}
    made = service.create(session, machine(world), data)
    before = {"need": ["submit"], "offer": ["submit", "unit-approve"]}[kind]
    for action in before:
        service.act(session, machine(world), made.id, action)
    step = {"need": "district-approve", "offer": "register"}[kind]
    with pytest.raises((Forbidden, NotFound)):
        service.act(session, judge, made.id, step)


@pytest.mark.parametrize("kind", KINDS)
def test_an_unverified_unit_drafts_but_does_not_submit(world: World, kind: str) -> None:
    session, service = world.session, SERVICES[kind]
    actor = world.actor("pending_admin")
    made = service.create(session, actor, SAMPLES[kind])
    with pytest.raises(Forbidden):
        service.act(session, actor, made.id, "submit")


@pytest.mark.parametrize("kind", KINDS)
def test_who_writes_for_several_units_says_for_which(world: World, kind: str) -> None:
    session, service = world.session, SERVICES[kind]
    one, two = world.actor("firm"), world.actor("team")
    both = Actor(
        now=one.now, user_id=one.user_id, standings=one.standings + two.standings
    )
    with pytest.raises(Invalid) as caught:
        service.create(session, both, SAMPLES[kind])
    assert caught.value.errors[0].pointer == "/owner_org_id"
    chosen = {**SAMPLES[kind], "owner_org_id": str(two.standings[0].org_id)}
    made = service.create(session, both, chosen)
    assert made.owner_org_id == two.standings[0].org_id
    with pytest.raises(Forbidden):
        service.create(session, one, chosen)
    with pytest.raises(Forbidden):
        service.create(session, world.actor("operator"), SAMPLES[kind])
    with pytest.raises(Forbidden):
        service.create(session, one, {**SAMPLES[kind], "owner_org_id": new_id()})
    with pytest.raises(Unauthenticated):
        service.create(session, world.actor("stranger"), SAMPLES[kind])
    with pytest.raises(Invalid):
        service.create(session, one, {**SAMPLES[kind], "owner_org_id": "nonsense"})


@pytest.mark.parametrize("kind", KINDS)
def test_the_search_finds_what_may_be_read(world: World, kind: str) -> None:
    session, service = world.session, SERVICES[kind]
    hidden = {"need": "problem", "offer": "team_intro"}[kind]
    made = make(
        world,
        kind,
        PUBLISHED[kind],
        disclosure="NDA",
        title="100%硅碳负极_材料ＡＢＣ",
        **{hidden: "保密字段里的特种钼合金"},
    )

    def found(who: str, q: str) -> bool:
        page = service.search(session, world.actor(who), q=q).page()
        return [row["id"] for row in page.items] == [made.id]

    owner = OWNERS[kind]
    for who in ("stranger", "other_firm", owner, "operator"):
        assert found(who, "硅碳負極"), "Traditional input"
        assert found(who, "abc"), "width and case"
        assert found(who, "100%硅"), "a wildcard is a sign like others"
        assert found(who, "_材料")
        assert found(who, "负极 材料"), "every word must occur"
        assert found(who, "材料硅碳负极"), "words without a blank between them"
        assert not found(who, "负极 没有这个词")
        assert not found(who, "硅%负")
        assert not found(who, "硅_负")
    number = getattr(made, service.KIND.number)
    assert found("stranger", number.lower())
    assert found("stranger", world.org(owner).name_key[:6])
    for who, sees in (
        ("stranger", False),
        ("other_firm", False),
        (owner, True),
        ("operator", True),
    ):
        assert found(who, "钼合金") == sees, who
    with pytest.raises(Invalid):
        service.search(
            session, world.actor("stranger"), q=" ".join("一二三四五六七八九十甲")
        )


@pytest.mark.parametrize("kind", KINDS)
def test_the_filters_hold_for_what_is_shown(world: World, kind: str) -> None:
    session, service = world.session, SERVICES[kind]
    made = make(world, kind, PUBLISHED[kind])
    owner = world.actor(OWNERS[kind])
    region = made.owner_org.region
    service.edit(session, owner, made.id, {"chain": "SD-C01", "tech_field": ["01"]})
    strangers = [
        ({"chain": "SD-C04"}, True),
        ({"chain": "SD-C01"}, False),
        ({"tech_field": "05"}, True),
        ({"tech_field": "01"}, False),
        ({"tech_field": "0"}, False),
        ({"industry_use": "C"}, True),
        ({"industry_use": "C32"}, True),
        ({"industry_use": "C3%"}, False),
        ({"region": region}, True),
        ({"region": region[:4] + "00"}, True),
        ({"region": "370000"}, True),
        ({"region": "371000"}, False),
        ({"owner_org_id": made.owner_org_id}, True),
        ({"owner_org_id": new_id()}, False),
        ({"disclosure": "FULL"}, True),
        ({"disclosure": "NDA"}, False),
        ({"state": PUBLISHED[kind]}, True),
        ({"state": "DRAFT"}, False),
        ({"mine": True}, False),
        ({"mine": False}, True),
        ({"updated_after": world.clock.now() - timedelta(days=1)}, True),
        ({"updated_after": world.clock.now()}, False),
    ]
    for filters, expected in strangers:
        page = service.search(session, world.actor("stranger"), **filters).page()
        assert bool(page.items) == expected, filters
    for filters, expected in (
        ({"chain": "SD-C01", "state": "DRAFT", "mine": True}, True),
        ({"chain": "SD-C04"}, False),
    ):
        page = service.search(session, owner, **filters).page()
        assert bool(page.items) == expected, filters
    with pytest.raises(TypeError):
        service.search(session, owner, colour="red")


@pytest.mark.parametrize("kind", KINDS)
def test_work_on_the_next_version_does_not_show_in_dates(
    world: World, kind: str
) -> None:
    session, service = world.session, SERVICES[kind]
    made = make(world, kind, PUBLISHED[kind])
    published = world.clock.now()
    world.clock.advance(days=1)
    service.edit(session, world.actor(OWNERS[kind]), made.id, {"title": "第二版"})
    for who, moment in (
        ("stranger", published),
        (OWNERS[kind], published + timedelta(days=1)),
    ):
        actor = world.actor(who)
        row = service.search(session, actor).page(sort="-updated").items[0]
        shown = service.view(session, actor, service.get(session, actor, made.id))
        assert row["updated_at"] == shown["updated_at"] == moment


@pytest.mark.parametrize("kind", KINDS)
def test_pages_follow_each_other_in_both_orders(world: World, kind: str) -> None:
    session, service = world.session, SERVICES[kind]
    made: list[UUID] = []
    for _ in range(5):
        made.append(make(world, kind, PUBLISHED[kind]).id)
        world.clock.advance(minutes=1)
    for sort, expected in (
        ("created", made),
        ("-created", made[::-1]),
        ("updated", made),
        ("-updated", made[::-1]),
    ):
        listing = service.search(session, world.actor("stranger"))
        found: list[UUID] = []
        cursor = None
        while True:
            page = listing.page(limit=2, cursor=cursor, sort=sort)
            found += [row["id"] for row in page.items]
            cursor = page.next
            if cursor is None:
                break
        assert found == expected, sort


@pytest.mark.parametrize("kind", KINDS)
def test_the_history_is_whole_for_insiders_and_bare_for_others(
    world: World, kind: str
) -> None:
    session, service = world.session, SERVICES[kind]
    made = make(world, kind, PUBLISHED[kind])
    service.edit(session, world.actor(OWNERS[kind]), made.id, {"title": "机密的新题"})
    made_id = made.id
    session.commit()
    inside = service.history(session, world.actor(OWNERS[kind]), made_id).page().items
    steps = [f"{kind}.{a}" for a in PATHS[kind][PUBLISHED[kind]]]
    assert [e["action"] for e in inside] == [
        f"{kind}.create",
        *steps,
        f"{kind}.revise",
        f"{kind}.edit",
    ]
    assert inside[-1]["changes"]["title"]["new"] == "机密的新题"
    assert inside[-1]["user_name"] == OWNERS[kind]
    outside = service.history(session, world.actor("stranger"), made_id).page().items
    assert [e["action"] for e in outside] == [steps[-1]]
    assert outside[0]["to"] == PUBLISHED[kind]
    for event in outside:
        assert event["user_id"] is None
        assert event["user_name"] is None
        assert (event["comment"], event["changes"]) == ("", {})


@pytest.mark.parametrize("kind", KINDS)
def test_reviewers_are_not_told_what_was_written_before_the_text_left_its_unit(
    world: World, kind: str
) -> None:
    session, service = world.session, SERVICES[kind]
    owner, admin = world.actor(OWNERS[kind]), world.actor(ADMINS[kind])
    made = make(world, kind)
    service.edit(session, owner, made.id, {"title": "内部讨论的题目"})
    service.edit(session, owner, made.id, {"title": "提交的题目"})
    if kind == "offer":
        service.act(session, admin, made.id, "submit")
        service.act(session, admin, made.id, "return", comment="内部意见")
    state = {"need": "DISTRICT_OK", "offer": "UNIT_OK"}[kind]
    walk(session, machine(world), kind, made.id, state)
    session.commit()
    operator = world.actor("operator")
    told = service.history(session, operator, made.id).page().items
    assert not {f"{kind}.create", f"{kind}.edit"} & {e["action"] for e in told}
    assert "内部" not in str(told)
    assert told[-1]["comment"] == "测试", "what leads out of the unit is told"
    inside = service.history(session, owner, made.id).page().items
    assert "内部讨论的题目" in str(inside)
    if kind == "offer":
        return
    service.act(session, operator, made.id, "return", comment="指标不明确")
    service.edit(session, owner, made.id, {"title": "答复后的题目"})
    session.commit()
    told = service.history(session, operator, made.id).page().items
    assert told[-1]["changes"]["title"] == {
        "old": "提交的题目",
        "new": "答复后的题目",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_taken_back_before_review_stays_in_its_unit(
    world: World, kind: str
) -> None:
    session, service = world.session, SERVICES[kind]
    owner, admin = world.actor(OWNERS[kind]), world.actor(ADMINS[kind])
    action = {"need": "withdraw", "offer": "delist"}[kind]
    made = make(world, kind, PUBLISHED[kind])
    if kind == "need":
        never = make(world, kind)
        service.act(session, admin, never.id, action, comment="不做了")
        for who in ("operator", "district"):
            with pytest.raises(NotFound):
                service.get(session, world.actor(who), never.id)
    service.edit(session, owner, made.id, {"title": "未提交的第二版"})
    service.act(session, admin, made.id, action, comment="不做了")
    session.commit()
    operator = world.actor("operator")
    shown = service.view(session, operator, service.get(session, operator, made.id))
    assert shown["title"] == SAMPLES[kind]["title"]
    listed = service.search(session, operator).page().items
    told = service.history(session, operator, made.id).page().items
    assert "未提交" not in f"{shown} {listed} {told}"


@pytest.mark.parametrize("kind", KINDS)
def test_the_tag_of_outsiders_tells_nothing_of_the_next_version(
    world: World, kind: str
) -> None:
    session, service = world.session, SERVICES[kind]
    made = make(world, kind, PUBLISHED[kind])
    stranger, owner = world.actor("stranger"), world.actor(OWNERS[kind])

    def tags() -> tuple[str, str]:
        found = service.get(session, owner, made.id)
        return service.tag(stranger, found), service.tag(owner, found)

    before = tags()
    service.edit(session, owner, made.id, {"title": "第二版"})
    edited = tags()
    assert edited[0] == before[0]
    assert edited[1] != before[1]
    world.clock.advance(minutes=1)
    walk(session, machine(world), kind, made.id, PUBLISHED[kind])
    assert tags()[0] != before[0], "the second version is another text"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("submitted", [False, True])
def test_who_gives_up_a_revision_keeps_what_is_published(
    world: World, kind: str, *, submitted: bool
) -> None:
    session, service = world.session, SERVICES[kind]
    owner, admin = world.actor(OWNERS[kind]), world.actor(ADMINS[kind])
    stranger = world.actor("stranger")
    made = make(world, kind, PUBLISHED[kind])
    before = service.view(session, stranger, made)
    opinions = service.view(session, owner, made)["opinions"]
    assert len(opinions) == {"need": 3, "offer": 2}[kind]
    for round_ in range(2):
        service.edit(session, owner, made.id, {"title": f"改错了{round_}"})
        assert made.working.number == 2 + round_, "no number is given twice"
        if submitted:
            service.act(session, admin, made.id, "submit")
        for who in ("operator", "stranger", "other_firm"):
            with pytest.raises((Forbidden, Unauthenticated)):
                service.act(session, world.actor(who), made.id, "discard")
        service.act(session, owner, made.id, "discard", comment="内部原因")
        session.expire_all()
        made = service.get(session, owner, made.id)
        assert made.state.value == PUBLISHED[kind]
        assert made.working is made.published
        assert made.working.number == 1
        assert service.view(session, stranger, made) == before
        assert service.view(session, owner, made)["opinions"] == opinions
    session.commit()
    told = service.history(session, stranger, made.id).page().items
    assert not [event for event in told if event["action"].endswith("discard")]
    kept = service.history(session, owner, made.id).page().items
    assert "改错了1" in str(kept), "the ledger keeps what was given up"
    reviewer = world.actor("operator")
    told = service.history(session, reviewer, made.id).page().items
    assert "改错了" not in str(told)
    asked = kind == "need" and submitted
    assert ("内部原因" in str(told)) == asked, "who was asked is told why no more"


@pytest.mark.parametrize("kind", KINDS)
def test_reviewers_do_not_learn_that_a_next_version_is_written(
    world: World, kind: str
) -> None:
    session, service = world.session, SERVICES[kind]
    made = make(world, kind, PUBLISHED[kind])
    session.commit()
    reviewers = sorted(REVIEWERS[kind])

    def seen() -> list[Any]:
        found = []
        for who in reviewers:
            actor = world.actor(who)
            subject = service.get(session, actor, made.id)
            found.append(
                (
                    service.view(session, actor, subject),
                    service.tag(actor, subject),
                    service.search(session, actor).page().items,
                    service.history(session, actor, made.id).page().items,
                    service.versions(session, actor, made.id),
                )
            )
        return found

    before = seen()
    world.clock.advance(days=1)
    service.edit(session, world.actor(OWNERS[kind]), made.id, {"title": "第二版"})
    session.commit()
    assert seen() == before


def test_what_was_given_up_before_release_stays_with_its_unit(world: World) -> None:
    """Delisted with a submitted second version, revised again and approved."""
    session, service = world.session, SERVICES["offer"]
    owner, admin = world.actor("team"), world.actor("university_admin")
    made = make(world, "offer", "LISTED")
    service.edit(session, owner, made.id, {"abstract": "从未批准的第二版"})
    service.act(session, admin, made.id, "submit")
    service.act(session, admin, made.id, "delist", comment="撤下")
    service.edit(session, owner, made.id, {"abstract": "批准的第三版"})
    walk(session, machine(world), "offer", made.id, "UNIT_OK")
    session.commit()
    operator = world.actor("operator")
    numbers = [v["number"] for v in service.versions(session, operator, made.id)]
    assert numbers == [1, 3]
    subject = service.get(session, operator, made.id)
    with pytest.raises(NotFound):
        service.version(session, operator, subject, 2)
    with pytest.raises(NotFound):
        service.compare(session, operator, subject, 2, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_taken_down_is_shown_as_taken_down(world: World, kind: str) -> None:
    session, service = world.session, SERVICES[kind]
    action = {"need": "withdraw", "offer": "delist"}[kind]
    made = make(world, kind, PUBLISHED[kind])
    service.edit(session, world.actor(OWNERS[kind]), made.id, {"title": "第二版"})
    service.act(session, world.actor(ADMINS[kind]), made.id, action, comment="撤下")
    session.commit()
    for who in sorted(REVIEWERS[kind]):
        actor = world.actor(who)
        subject = service.get(session, actor, made.id)
        shown = service.view(session, actor, subject)
        assert shown["state"] is subject.state
        assert shown["state"].value not in ON_THE_MARKET[kind]
        for state, expected in ((subject.state, 1), (PUBLISHED[kind], 0)):
            rows = service.search(session, actor, state=state).page().items
            assert len(rows) == expected, (who, state)


def test_a_refusal_does_not_tell_where_the_next_version_stands(world: World) -> None:
    session, service = world.session, SERVICES["offer"]
    made = make(world, "offer", "LISTED")
    service.edit(session, world.actor("team"), made.id, {"title": "第二版"})
    operator, told = world.actor("operator"), []
    for step in ("", "submit"):
        if step:
            service.act(session, world.actor("team"), made.id, step)
        with pytest.raises(IllegalTransition) as caught:
            service.act(session, operator, made.id, "return", comment="理由")
        told.append((caught.value.extra, str(caught.value)))
    assert told[0] == told[1]


def test_an_operator_takes_down_what_he_reads_by_its_tag(world: World) -> None:
    session, service = world.session, SERVICES["offer"]
    made = make(world, "offer", "LISTED")
    service.edit(session, world.actor("team"), made.id, {"title": "第二版"})
    operator = world.actor("operator")
    found = service.get(session, operator, made.id)
    shown = service.view(session, operator, found)
    assert [action["name"] for action in shown["actions"]] == ["delist"]
    seen = service.tag(operator, found)
    with pytest.raises(Stale):
        service.act(
            session,
            operator,
            made.id,
            "delist",
            comment="侵权投诉",
            expected=str(made.revision),
        )
    moved = service.act(
        session, operator, made.id, "delist", comment="侵权投诉", expected=seen
    )
    assert moved.state is OfferState.DELISTED


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_admitted_is_published_and_fixed(world: World, kind: str) -> None:
    service, session = SERVICES[kind], world.session
    made = make(world, kind)
    admin = world.actor(ADMINS[kind])
    with pytest.raises(Forbidden):
        service.advance(session, admin, made.id, "admit")
    moved = service.advance(session, machine(world), made.id, "admit")
    assert moved.state.value == PUBLISHED[kind]
    assert moved.published is moved.working
    assert moved.published.fixed_at == moved.published_at == world.clock.now()
    if kind == "need":
        assert moved.valid_until == moved.working.valid_until
