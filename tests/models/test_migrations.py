"""Migrations make what the models say, on both stores, and the store refuses lies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.actors import system
from marketplace.domain.dockings import DockingSide, TrialState
from marketplace.extensions import configure_engine
from marketplace.integrations import migrations
from marketplace.models.base import Base
from marketplace.models.brokers import (
    BrokerRating,
    CommissionPayment,
    ShareAcceptance,
    ShareProposal,
)
from marketplace.models.conflicts import PersonalTie
from marketplace.models.dockings import TrialLicence
from marketplace.models.idempotency import IdempotentAnswer
from marketplace.models.matches import MatchFeedback
from marketplace.models.messages import Message, MessagePreference
from marketplace.models.needs import Need
from marketplace.models.offers import Offer
from marketplace.models.organisations import OrganisationTie, Qualification
from marketplace.models.registrations import Registration
from marketplace.services import needs, offers
from tests import agreements
from tests.markets import open_market, open_threads
from tests.people import World
from tests.stores import Postgres


@pytest.fixture
def empty(store: str, tmp_path: Path) -> Iterator[sa.Engine]:
    """A store without any table."""
    if store == "sqlite":
        url = f"sqlite:///{tmp_path / 'migrations.db'}"
    else:
        server = Postgres.from_environment()
        assert server is not None
        url = server.fresh("migrations")
    engine = sa.create_engine(url)
    configure_engine(engine, 20)
    yield engine
    engine.dispose()


def things(engine: sa.Engine) -> dict[str, set[str]]:
    """Everything that migrations can leave behind."""
    queries = {
        "sqlite": "SELECT type || ' ' || name FROM sqlite_master"
        " WHERE name NOT LIKE 'sqlite_%'",
        "postgresql": "SELECT 'table ' || relname FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace"
        " UNION SELECT 'function ' || proname FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace"
        " UNION SELECT 'trigger ' || tgname FROM pg_trigger WHERE NOT tgisinternal",
    }
    with engine.connect() as connection:
        found = connection.exec_driver_sql(queries[engine.dialect.name]).scalars()
        return {"names": {n for n in found if "alembic_version" not in n}}


def test_there_is_one_head() -> None:
    assert len(migrations.heads()) == 1


def test_up_down_up_leaves_nothing_out_and_nothing_behind(empty: sa.Engine) -> None:
    assert migrations.current(empty) is None
    migrations.upgrade(empty)
    assert migrations.current(empty) == migrations.heads()[0]
    first = things(empty)
    assert "table needs" in first["names"]
    migrations.downgrade(empty, "base")
    assert things(empty) == {"names": set()}
    migrations.upgrade(empty)
    assert things(empty) == first


def test_the_store_is_what_the_models_say(empty: sa.Engine) -> None:
    migrations.upgrade(empty)
    assert migrations.drift(empty) == []
    inspector = sa.inspect(empty)
    for table in Base.metadata.sorted_tables:
        declared = {
            constraint.name
            for constraint in table.constraints
            if isinstance(constraint, sa.CheckConstraint)
        }
        kept = {c["name"] for c in inspector.get_check_constraints(table.name)}
        assert kept == declared, table.name
        keys = {
            (tuple(f.column_keys), f.referred_table.name)
            for f in table.foreign_key_constraints
        }
        found = {
            (tuple(f["constrained_columns"]), f["referred_table"])
            for f in inspector.get_foreign_keys(table.name)
        }
        assert found == keys, table.name


def test_texts_released_before_there_was_a_mark_get_it(world: World) -> None:
    market = open_market(world)
    session, machine = world.session, system(world.clock.now())
    needs.act(session, machine, market.ids["need:DRAFT"], "withdraw", comment="不做了")
    offers.edit(session, machine, market.ids["offer:LISTED"], {"title": "第二版"})
    needs.edit(session, machine, market.ids["need:POOLED"], {"title": "第二版"})
    needs.act(session, machine, market.ids["need:POOLED"], "withdraw", comment="撤回")
    session.commit()
    engine = session.get_bind()
    assert isinstance(engine, sa.Engine)
    marks = sa.union_all(
        sa.select(Need.id, Need.released), sa.select(Offer.id, Offer.released)
    )
    before = {row.id: row.released for row in session.execute(marks)}
    assert set(before.values()) == {True, False}
    session.close()
    try:
        migrations.downgrade(engine, "0003")
    finally:
        migrations.upgrade(engine)
    assert {row.id: row.released for row in session.execute(marks)} == before


def test_ties_outlive_the_rebuilding_of_their_table(world: World) -> None:
    session = world.session
    firm, other = world.org("firm").id, world.org("team").id
    for position, kind in enumerate(("controller", "shareholder", "officer")):
        named = {"name": "张示例"} if kind == "officer" else {"other_org_id": other}
        session.add(OrganisationTie(org_id=firm, position=position, kind=kind, **named))
    session.commit()
    engine = session.get_bind()
    assert isinstance(engine, sa.Engine)
    ties = sa.select(
        OrganisationTie.id, OrganisationTie.kind, OrganisationTie.other_org_id
    ).order_by(OrganisationTie.id)
    before = session.execute(ties).all()
    session.close()
    try:
        migrations.downgrade(engine, "0005")
    finally:
        migrations.upgrade(engine)
    assert session.execute(ties).all() == [row for row in before if row.other_org_id]


def test_what_waits_for_a_reviewer_counts_as_checked(world: World) -> None:
    deal = agreements.applied(world)
    deal.register("clerk", "accept")
    deal.amended(goal="抗拉强度不低于360 MPa。")
    deal.register("clerk", "first-approve")
    world.session.commit()
    engine = world.session.get_bind()
    assert isinstance(engine, sa.Engine)
    world.session.close()
    try:
        migrations.downgrade(engine, "0013")
    finally:
        migrations.upgrade(engine)
    checked = world.session.scalars(sa.select(Registration.checked_version)).all()
    assert checked == [2]


def test_going_up_twice_changes_nothing(empty: sa.Engine) -> None:
    migrations.upgrade(empty)
    first = things(empty)
    migrations.upgrade(empty)
    assert things(empty) == first


FIRST = "(SELECT {0} FROM {1} ORDER BY id LIMIT 1)"
LIES = {
    "idempotent_answers": {"key_length": "key = ''"},
    "ledger_head": {"only_one": "id = 2"},
    "organisations": {
        "verified_has_uscc": "uscc = NULL, org_type = 'FIRM', state = 'VERIFIED',"
        " suspended_until = NULL",
        "uscc_length": "uscc = '123'",
        "state_known": "state = 'FINE', suspended_until = NULL",
        "name_length": "name = ''",
        "staff": "staff_total = 3, staff_rd = 4",
        "sanction_has_end": "state = 'BLACKLISTED', suspended_until = NULL",
        "credit_known": "credit_status = 'good'",
        "amounts_not_negative": "registered_capital_yuan = -1",
        "sanction_has_document": "state = 'SUSPENDED', suspended_until = '2027-01-01',"
        " suspension_document = ''",
        "not_its_own_parent": "parent_org_id = id",
    },
    "outbox": {"state_known": "state = 'LOST'", "attempts": "attempts = -1"},
    "rules": {"dates": "valid_from = '2027-01-02', valid_to = '2027-01-01'"},
    "serial_numbers": {"not_negative": "last = -1"},
    "users": {"email_lower": "email = 'A@B.CN'", "language_known": "language = 'fr'"},
    "api_tokens": {"expires_later": "expires_at = created_at"},
    "attachments": {"not_empty": "size = 0", "digest_length": "digest = 'abc'"},
    "code_list_versions": {
        "certainty_known": "certainty = 'Z'",
        "dates": "valid_from = '2027-01-02', valid_to = '2027-01-01'",
    },
    "disclosure_grants": {"kind_known": "subject_kind = 'bid'"},
    "import_jobs": {
        "counts": "rows_kept = -1",
        "kind_known": "kind = 'users'",
        "state_known": "state = 'LOST'",
        "mode_known": "mode = 'some'",
    },
    "docking_days": {
        "state_known": "state = 'FINE'",
        "title_length": "title = ''",
        "limits": "most_per_team = 0",
        "deployed_has_moment": "state = 'DEPLOYED', deployed_at = NULL",
    },
    "docking_participants": {
        "value_known": "side = 'both', need_id = NULL, team_id = NULL, offer_id = NULL",
        "one_side": "side = 'team'",
        "most": "most = 0",
    },
    "docking_plans": {"state_known": "state = 'LOST'", "seconds": "seconds = 0"},
    "docking_slots": {
        "ends_after_start": "ends_at = starts_at",
        "tables": "tables = 0",
    },
    "docking_talks": {
        "follow_up_of_outcome": "follow_up_on = '2027-01-01'",
        "outcome_has_moment": "outcome = 'interested'",
    },
    "invitations": {
        "email_lower": "email = 'A@B.CN'",
        "accepted_by_someone": "accepted_at = created_at",
    },
    "needs": {
        "state_known": "state = 'FINE'",
        "published_has_version": "state = 'POOLED', published_version_id = NULL",
        "draft_not_released": "state = 'DRAFT', released = true",
    },
    "offers": {
        "state_known": "state = 'FINE'",
        "value_known": "kind = 'service'",
        "published_has_version": "state = 'LISTED', published_version_id = NULL",
        "draft_not_released": "state = 'DRAFT', released = true",
    },
    "organisation_ties": {
        "not_to_itself": "other_org_id = org_id",
        "share_range": "share_percent = 10001",
        "kind_known": "kind = 'friend'",
        "someone": "other_org_id = NULL, name = ''",
        "officer_is_a_person": "kind = 'officer', uscc = '91370100MA00000000'",
        "id_digest_length": "id_digest = 'abc'",
        "dates": "valid_from = '2027-01-02', valid_to = '2027-01-01'",
    },
    "personal_ties": {
        "kind_known": "kind = 'friend'",
        "someone": "other_org_id = NULL, name = ''",
        "share_range": "kind = 'family', share_percent = 1",
        "dates": "valid_from = '2027-01-02', valid_to = '2027-01-01'",
    },
    "conflict_checks": {
        "purpose_known": "purpose = 'lunch'",
        "verdict_known": "verdict = 'maybe'",
        "outcome_known": "verdict = 'declared', outcome = 'perhaps', decision = NULL,"
        " decided_at = NULL",
        "state_known": "verdict = 'declared', outcome = 'ask', decision = 'lost',"
        " decided_at = created_at",
        "decided_at_some_time": "verdict = 'declared', outcome = 'ask',"
        " decision = 'cleared', decided_at = NULL",
        "decided_where_asked": "verdict = 'declared', outcome = 'note',"
        " decision = 'pending', decided_at = NULL",
        "clear_passes": "verdict = 'clear', outcome = 'note', decision = NULL,"
        " decided_at = NULL",
        "fingerprint_length": "fingerprint = 'abc'",
    },
    "qualifications": {
        "dates": "granted_on = '2027-01-02', valid_until = '2027-01-01'"
    },
    "codes": {"dates": "valid_from = '2027-01-02', valid_to = '2027-01-01'"},
    "match_feedback": {"verdict_known": "verdict = 'perfect'"},
    "need_versions": {
        "title_length": "title = ''",
        "budget_not_negative": "budget_to_bidder_yuan = NULL, budget_total_yuan = -1",
        "bidder_share_within_total": "budget_total_yuan = 1, budget_to_bidder_yuan = 2",
        "value_known": "disclosure = 'SECRET'",
        "period": "period_start = '2027-01-02', period_end = '2027-01-01'",
        "number_from_one": "number = 0",
    },
    "offer_versions": {
        "price_not_negative": "price_expect_yuan = -1",
        "value_known": "disclosure = 'SECRET'",
        "maturity_has_scale": "maturity_scale = NULL, maturity_level = 5",
        "number_from_one": "number = 0",
        "title_length": "title = ''",
    },
    "messages": {
        "state_known": "mail_state = 'LOST'",
        "sent_has_moment": "mail_state = 'SENT', mailed_at = NULL",
        "key_given": "key = ''",
    },
    "message_preferences": {
        "value_known": "email = 'daily'",
        "hour_of_a_day": "digest_hour = 24",
    },
    "trial_licences": {
        "state_known": "state = 'LOST'",
        "value_known": "proposed_side = 'state'",
        "ends_after_start": "ends_on = starts_on",
        "amounts_not_negative": "liability_cap_yuan = 0, price_yuan = -1",
        "converted_by_contract": "state = 'CONVERTED', contract_id = NULL",
    },
    "calendar_feeds": {"hash_length": "token_hash = 'abc'"},
    "registration_experts": {
        "state_known": "state = 'LOST'",
        "answer_is_complete": "state = 'ANSWERED', supports = NULL",
    },
    "need_intended_units": {"someone": "org_id = NULL, name = ''"},
    "brokers": {
        "name_length": "name = ''",
        "dates": "obtained_on = '2027-01-02', valid_until = '2027-01-01'",
        "service_years": "service_years = 81",
        "verified_has_certificate": "state = 'VERIFIED', certificate_no = ''",
        "state_known": "state = 'FINE'",
    },
    "broker_ratings": {
        "score_range": "score = 6",
        "basis_known": "basis_kind = 'rumour'",
    },
    "broker_institutions": {
        "recorded_has_number": "state = 'RECORDED', record_no = NULL",
        "evaluated_has_grade": "state = 'EVALUATED', grade = NULL",
        "recommended_by_someone": "recommended_at = NULL",
        "state_known": "state = 'FINE'",
    },
    "share_proposals": {
        "number_from_one": "number = 0",
        "agreed_has_moment": "state = 'AGREED', decided_at = NULL",
        "state_known": "state = 'FINE'",
    },
    "contribution_shares": {"percent_range": "percent = 10001"},
    "commission_payments": {
        "amount_positive": "amount_yuan = 0",
        "voucher_given": "voucher = ''",
    },
    "contract_parties": {"value_known": "side = 'both'"},
    "contract_payments": {
        "amount_positive": "amount_yuan = 0, technical_yuan = 0,"
        " technical_income_yuan = 0",
        "technical_within_amount": "amount_yuan = 1, technical_yuan = 2,"
        " technical_income_yuan = 0",
        "income_within_technical": "technical_yuan = 1, technical_income_yuan = 2",
        "returned_of_what": "kind = 'returned', reverses_id = NULL",
        "value_known": "kind = 'lent', reverses_id = NULL",
    },
    "contract_signatures": {"value_known": "side = 'both'"},
    "contract_versions": {
        "number_from_one": "number = 0",
        "state_known": "state = 'LOST'",
    },
    "contracts": {
        "amounts_not_negative": "total_yuan = -1, technical_yuan = NULL",
        "technical_within_total": "total_yuan = 1, technical_yuan = 2",
        "signed_has_moment": "state = 'SIGNED', concluded_at = NULL",
        "state_known": "state = 'FINE', concluded_at = created_at",
    },
    "docking_meetings": {
        "ends_after_start": "ends_at = starts_at",
        "next_side_known": "next_side = 'both'",
        "value_known": "side = 'both'",
    },
    "docking_ndas": {
        "says_something": "text = '', attachment_id = NULL",
        "value_known": "proposed_side = 'both'",
    },
    "docking_proposals": {"value_known": "side = 'both'"},
    "dockings": {
        "two_sides": "offer_org_id = need_org_id",
        "lost_has_reason": "state = 'LOST', lost_reason = NULL",
        "lost_side_known": "lost_side = 'both'",
        "moved_side_known": "moved_side = 'both'",
        "opened_side_known": "opened_side = 'both'",
        "state_known": "state = 'FINE', lost_reason = NULL",
    },
    "duties": {"value_known": "role = 'friend'"},
    "nda_acceptances": {"value_known": "side = 'both'"},
    "registration_facts": {"kind_known": "kind = 'lost'"},
    "registrations": {
        "accepted_by_another": "registered_by = accepted_by",
        "judged_has_a_day": "state = 'ACCEPTED', due_on = NULL",
        "registered_has_number": "state = 'REGISTERED', reg_no = NULL",
        "state_known": "state = 'FINE'",
    },
}
"""For each CHECK a change that would make it false."""
APPEND_ONLY = (
    "commission_payments",
    "contract_payments",
    "docking_meetings",
    "registration_facts",
)
"""Tables whose rows are added and never changed: a lie is told by one more row."""
VERSIONS = {
    table: f"{listing}_versions"
    for listing in ("need", "offer")
    for table in (f"{listing}_indicators", f"{listing}_attachments")
} | {"need_intended_units": "need_versions", "offer_rights": "offer_versions"}
"""Tables of a version's parts: once it is fixed, the store refuses any change there."""
UNTRIED = {
    ("events", "action_given"),
    ("issued_reports", "kind_known"),
    ("issued_reports", "revision_from_one"),
    ("issued_reports", "digest_length"),
    ("issued_reports", "not_of_the_future"),
    ("issued_reports", "conversion_of_unit"),
}
"""Rows of the ledger and issued reports cannot be changed at all: own tests."""
DOUBLES = {
    "needs": "need_no = (SELECT MIN(need_no) FROM needs)",
    "offers": "ach_no = (SELECT MIN(ach_no) FROM offers)",
    "dockings": "docking_no = (SELECT MIN(docking_no) FROM dockings)",
    "contracts": "contract_no = (SELECT MIN(contract_no) FROM contracts)",
    "registrations": "reg_no = (SELECT MIN(reg_no) FROM registrations)",
    "contract_versions": ", ".join(
        f"{c} = {FIRST.format(c, 'contract_versions')}"
        for c in ("contract_id", "number")
    ),
    "messages": ", ".join(
        f"{c} = {FIRST.format(c, 'messages')}" for c in ("user_id", "key")
    ),
    "organisations": "uscc = (SELECT MIN(uscc) FROM organisations)",
    "users": "email = (SELECT MIN(email) FROM users)",
    "api_tokens": "token_hash = (SELECT MIN(token_hash) FROM api_tokens)",
    "calendar_feeds": "token_hash = (SELECT MIN(token_hash) FROM calendar_feeds)",
    "memberships": ", ".join(
        f"{c} = {FIRST.format(c, 'memberships')}" for c in ("user_id", "org_id")
    ),
    "need_versions": ", ".join(
        f"{c} = {FIRST.format(c, 'need_versions')}" for c in ("need_id", "number")
    ),
    "codes": ", ".join(
        f"{c} = {FIRST.format(c, 'codes')}" for c in ("version_id", "code")
    ),
}
ORPHANS = {
    "brokers": "org_id = id",
    "broker_ratings": "broker_id = id",
    "broker_institutions": "org_id = id",
    "share_proposals": "contract_id = id",
    "contribution_shares": "org_id = id",
    "share_acceptances": "org_id = id",
    "needs": "owner_org_id = working_version_id",
    "offers": "owner_org_id = id",
    "dockings": "need_id = id",
    "contracts": "created_for = id",
    "registrations": "registry_org_id = id",
    "registration_experts": "user_id = registration_id",
    "nda_acceptances": "user_id = id",
    "memberships": "org_id = id",
    "api_tokens": "user_id = id",
    "attachments": "org_id = id",
    "messages": "user_id = id",
    "message_preferences": "user_id = '00000000000000000000000000000000'",
    "disclosure_grants": "org_id = subject_id",
    "trial_licences": "docking_id = id",
    "calendar_feeds": "user_id = '00000000000000000000000000000000' WHERE user_id ="
    " (SELECT user_id FROM calendar_feeds ORDER BY user_id LIMIT 1)",
}


def complete(world: World) -> None:
    """Put a row into every table that the market of the tests leaves empty."""
    market = open_market(world)
    open_threads(market)
    for who in ("firm", "team"):
        world.client(who)
    session, now = world.session, world.clock.now()
    day = now.date()
    firm, other = world.org("firm").id, world.org("team").id
    need, offer = market.ids["need:POOLED"], market.ids["offer:LISTED"]
    session.add_all(
        [
            TrialLicence(
                docking_id=market.ids["docking:INTENT"],
                state=TrialState.PROPOSED,
                proposed_side=DockingSide.OFFER,
                starts_on=day,
                ends_on=day + timedelta(days=90),
                site="挤压车间",
                price_yuan=1,
                created_at=now,
                updated_at=now,
            ),
            OrganisationTie(
                org_id=firm,
                position=0,
                kind="related",
                name="某单位",
                other_org_id=other,
            ),
            PersonalTie(
                user_id=world.user("firm").id,
                position=0,
                kind="family",
                name="某单位",
                created_at=now,
                updated_at=now,
            ),
            Qualification(
                org_id=firm,
                position=0,
                label="1",
                granted_on=day,
                valid_until=day + timedelta(days=365),
            ),
            MatchFeedback(
                need_id=need,
                offer_id=offer,
                user_id=world.user("firm").id,
                verdict="useful",
                created_at=now,
                updated_at=now,
            ),
            MessagePreference(user_id=world.user("firm").id, updated_at=now),
            Message(
                user_id=world.user("team").id,
                topic="group.notice",
                key="group:2",
                template="group.notice/1",
                values={"subject": "通知", "text": "维护"},
                subject_kind="group",
                subject_id=need,
                created_at=now,
                mail_state="UNWANTED",
            ),
            BrokerRating(
                broker_id=market.ids["broker:1"],
                user_id=world.user("firm").id,
                org_id=firm,
                score=4,
                basis_kind="contract",
                basis_id=market.ids["contract:brokered"],
                created_at=now,
                updated_at=now,
            ),
            CommissionPayment(
                contract_id=market.ids["contract:brokered"],
                number=1,
                org_id=world.org("broker").id,
                paid_on=day,
                amount_yuan=Decimal("1.00"),
                voucher="F-1",
                recorded_at=now,
            ),
            ShareAcceptance(
                proposal_id=session.scalars(sa.select(ShareProposal.id)).one(),
                org_id=firm,
                user_id=world.user("firm_admin").id,
                accepted_at=now,
            ),
            IdempotentAnswer(
                caller="somebody",
                key="key",
                request_hash="0" * 64,
                status=201,
                headers={},
                body=b"{}",
                created_at=now,
            ),
        ]
    )
    session.commit()


def refusal(session: so.Session, table: str, change: str) -> str | None:
    """Try a change; returns what the store says, None if it lets it pass."""
    rows = session.scalar(sa.text(f"SELECT COUNT(*) FROM {table}"))
    assert rows, f"no row in {table} to try it on"
    try:
        with session.begin_nested():
            session.execute(sa.text(_statement(table, change)))
    except sa.exc.IntegrityError as error:
        return str(error.orig)
    return None


def _statement(table: str, change: str) -> str:
    """Return an UPDATE; where rows are only added, an INSERT of one that is like one.

    A CHECK comes before the keys, which the new row would break too. Rows of a fixed
    version are left out: they are refused whatever the change, and which row a store
    comes upon first is not ours to say.
    """
    if table in VERSIONS:
        still = f"SELECT id FROM {VERSIONS[table]} WHERE fixed_at IS NULL"
        return f"UPDATE {table} SET {change} WHERE version_id IN ({still})"
    if table in VERSIONS.values():
        return f"UPDATE {table} SET {change} WHERE fixed_at IS NULL"
    if table not in APPEND_ONLY:
        return f"UPDATE {table} SET {change}"
    changed = dict(part.strip().split(" = ") for part in change.split(","))
    columns = [column.name for column in Base.metadata.tables[table].columns]
    values = ", ".join(changed.get(name, name) for name in columns)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values}"
        f" FROM {table} ORDER BY id LIMIT 1"
    )


def test_what_was_booked_is_neither_changed_nor_removed(world: World) -> None:
    complete(world)
    session = world.session
    session.commit()
    for table in APPEND_ONLY:
        rows = session.scalar(sa.text(f"SELECT COUNT(*) FROM {table}"))
        assert rows, table
        for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}"):
            with pytest.raises(sa.exc.DBAPIError, match="added and never changed"):
                session.execute(sa.text(statement))
            session.rollback()
        kept = session.scalar(sa.text(f"SELECT COUNT(*) FROM {table}"))
        assert kept == rows, table


@pytest.mark.parametrize(
    "table", [*APPEND_ONLY, "issued_reports", "events", "ledger_entries"]
)
def test_what_was_booked_is_not_emptied_at_once(world: World, table: str) -> None:
    if world.session.get_bind().dialect.name != "postgresql":
        pytest.skip("SQLite has no TRUNCATE")
    with pytest.raises(sa.exc.DBAPIError, match="change"):
        world.session.execute(sa.text(f"TRUNCATE {table} CASCADE"))
    world.session.rollback()


def test_the_store_refuses_false_states(world: World) -> None:
    complete(world)
    session = world.session
    passed = [
        f"{table}: {change}"
        for table, lies in LIES.items()
        for name, change in lies.items()
        if f"ck_{table}_{name}" not in (refusal(session, table, change) or "")
    ]
    passed += [
        f"{table}: {change}"
        for table, change in DOUBLES.items()
        if not re.search("unique", refusal(session, table, change) or "", re.IGNORECASE)
    ]
    passed += [
        f"{table}: {change}"
        for table, change in ORPHANS.items()
        if not re.search(
            "foreign key", refusal(session, table, change) or "", re.IGNORECASE
        )
    ]
    assert passed == []


def test_every_check_of_the_models_is_tried() -> None:
    declared = {
        (table.name, str(constraint.name).removeprefix(f"ck_{table.name}_"))
        for table in Base.metadata.sorted_tables
        for constraint in table.constraints
        if isinstance(constraint, sa.CheckConstraint)
    }
    tried = {(table, name) for table, lies in LIES.items() for name in lies}
    assert declared == tried | UNTRIED
