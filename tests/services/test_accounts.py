"""Who signs in, who is kept out, and for how long."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa
import sqlalchemy.orm as so
from argon2 import PasswordHasher

from marketplace.domain.actors import Actor, system
from marketplace.domain.organisations import OrganisationState
from marketplace.domain.roles import Role
from marketplace.errors import (
    Conflict,
    Forbidden,
    Invalid,
    MarketplaceError,
    NotFound,
    SignInFailed,
    Stale,
    TooManyRequests,
    Unauthenticated,
    WrongPassword,
)
from marketplace.models.ledger import Event
from marketplace.models.users import ApiToken, Membership, SignInAttempt, User
from marketplace.services import accounts, passwords, tokens
from marketplace.services.accounts import Throttle
from tests.people import PASSWORD, PASSWORD_HASH, valid_uscc

CHEAP = PasswordHasher(
    time_cost=1, memory_cost=8, parallelism=1, hash_len=16, salt_len=12
)
THROTTLE = Throttle(failures=3, minutes=15)
HERE, ELSEWHERE = "192.0.2.1", "198.51.100.7"
OPERATOR = {
    "organisation": {
        "name": "测试技术市场",
        "uscc": valid_uscc(910001),
        "region": "370100",
    },
    "email": "First@Example.test",
    "name": "首位运营",
    "password": "a good long password",
}


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    monkeypatch.setattr(passwords, "HASHER", CHEAP)


def sign_in(world, who="firm", password=PASSWORD, address=HERE, **more):
    """Sign in as the edge does: a refusal that keeps its changes is committed."""
    session = more.pop("session", world.session)
    try:
        raw, _ = accounts.sign_in(
            session,
            Actor(now=world.clock.now()),
            email=more.pop("email", f"{who}@example.test"),
            password=password,
            address=address,
            throttle=more.pop("throttle", THROTTLE),
            hours=12,
            **more,
        )
    except MarketplaceError as error:
        if error.keeps_changes:
            session.commit()
        else:
            session.rollback()
        raise
    session.commit()
    return raw


def fail(world, times=1, **more) -> None:
    for _ in range(times):
        with pytest.raises(SignInFailed):
            sign_in(world, password="not it at all", **more)


class TestPasswords:
    @pytest.mark.parametrize(
        ("password", "code"),
        [
            ("nine char", "password_too_short"),
            ("密码只有九个字符啊", "password_too_short"),
            ("x" * 201, "password_too_long"),
            (" FIRM@example.test", "password_is_email"),
        ],
    )
    def test_what_will_not_do(self, password, code):
        (fault,) = passwords.faults(password, "firm@example.test", "/password")
        assert (fault.pointer, fault.code) == ("/password", code)

    @pytest.mark.parametrize(
        "password", ["ten chars!", "一个很长的中文密码短语", "x" * 200]
    )
    def test_what_will_do(self, password):
        assert passwords.faults(password, "firm@example.test", "/password") == []
        assert passwords.matches(passwords.hashed(password), password)
        assert not passwords.matches(passwords.hashed(password), password + "x")

    def test_an_accent_typed_either_way_is_the_same(self):
        assert passwords.matches(
            passwords.hashed("caf\u00e9 caf\u00e9"), "cafe\u0301 cafe\u0301"
        )

    def test_half_a_surrogate_pair_is_a_wrong_password_like_any(self):
        assert not passwords.matches(PASSWORD_HASH, "\ud800" * 10)

    def test_the_hash_in_use_is_argon2id_of_a_fair_cost(self, monkeypatch):
        monkeypatch.undo()
        kept = passwords.hashed("a good long password")
        assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


class TestSignIn:
    def test_the_right_password_gives_a_token_that_is_kept_as_a_hash(self, world):
        world.user("firm")
        raw = sign_in(world, email=" FIRM@Example.TEST ")
        actor, token_id = tokens.actor_for(world.session, raw, world.clock.now())
        token = world.session.get_one(ApiToken, token_id)
        assert actor.user_id == world.user("firm").id
        assert actor.org_ids == {world.org("firm").id}
        assert raw not in str(vars(token))
        event = world.session.scalars(
            sa.select(Event).where(Event.action == "user.sign-in")
        ).one()
        assert event.actor_id == actor.user_id
        assert raw not in str(event.changes)

    def test_wrong_unknown_and_disabled_are_told_alike(self, world, monkeypatch):
        world.user("firm")
        world.user("team").disabled_at = world.clock.now()
        world.session.commit()
        worked = []
        real = CHEAP.verify

        class Counting(PasswordHasher):
            def verify(self, hash, password):  # noqa: A002
                worked.append(hash)
                return real(hash, password)

        counting = Counting(
            time_cost=1, memory_cost=8, parallelism=1, hash_len=16, salt_len=12
        )
        monkeypatch.setattr(passwords, "HASHER", counting)
        told = []
        for who, password in (
            ("firm", "wrong password"),
            ("nobody", PASSWORD),
            ("team", PASSWORD),
        ):
            with pytest.raises(SignInFailed) as caught:
                sign_in(world, who, password)
            told.append((type(caught.value), caught.value.detail, caught.value.errors))
        assert told[0] == told[1] == told[2]
        assert len(worked) == 3

    def test_a_hash_of_other_parameters_is_made_anew(self, world, monkeypatch):
        user = world.user("firm")
        other = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
        monkeypatch.setattr(passwords, "HASHER", other)
        sign_in(world)
        assert user.password_hash != PASSWORD_HASH
        assert "m=16,t=2" in user.password_hash
        kept = user.password_hash
        sign_in(world)
        assert user.password_hash == kept

    def test_unknown_scopes_are_refused(self, world):
        world.user("firm")
        for scopes in (["admin"], []):
            with pytest.raises(Invalid) as caught:
                sign_in(world, scopes=scopes)
            assert caught.value.errors[0].pointer == "/scopes"

    def test_a_token_ends_with_its_time_its_account_or_its_owner(self, world):
        def refused(raw):
            with pytest.raises(Unauthenticated):
                tokens.actor_for(world.session, raw, world.clock.now())

        user = world.user("firm")
        expired, revoked, disabled = (sign_in(world) for _ in range(3))
        _, token_id = tokens.actor_for(world.session, revoked, world.clock.now())
        token = world.session.get_one(ApiToken, token_id)
        accounts.sign_out(world.session, world.actor("firm"), token)
        refused(revoked)
        user.disabled_at = world.clock.now()
        refused(disabled)
        user.disabled_at = None
        world.clock.advance(hours=12)
        refused(expired)
        refused("jb_never_issued")


class TestThrottle:
    def test_an_account_that_fails_too_often_waits(self, world):
        world.user("firm")
        fail(world, THROTTLE.failures)
        with pytest.raises(TooManyRequests) as caught:
            sign_in(world)
        assert caught.value.extra["retry_after"] == 15 * 60
        with pytest.raises(TooManyRequests):
            sign_in(world, address=ELSEWHERE)
        world.clock.advance(minutes=14, seconds=59)
        with pytest.raises(TooManyRequests) as caught:
            sign_in(world)
        assert caught.value.extra["retry_after"] == 1
        world.clock.advance(seconds=1)
        assert sign_in(world)

    def test_an_unknown_account_waits_like_a_known_one(self, world):
        fail(world, THROTTLE.failures, who="nobody")
        with pytest.raises(TooManyRequests):
            sign_in(world, "nobody")

    def test_only_the_failures_of_the_window_count(self, world):
        world.user("firm")
        for _ in range(4):
            fail(world)
            world.clock.advance(minutes=8)
        assert sign_in(world)

    def test_success_forgets_the_failures_of_the_account(self, world):
        world.user("firm")
        fail(world, 2)
        sign_in(world)
        fail(world, 2)
        assert sign_in(world)

    def test_a_network_waits_whatever_accounts_it_tries(self, world):
        world.user("firm")
        for number in range(THROTTLE.failures * accounts.NETWORK_FACTOR):
            fail(world, who=f"guess{number}")
        with pytest.raises(TooManyRequests):
            sign_in(world)
        assert sign_in(world, address=ELSEWHERE)

    @pytest.mark.parametrize(
        ("one", "two", "same"),
        [
            ("2001:db8::1", "2001:db8::2:3:4:5", True),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
            ("::ffff:192.0.2.1", "192.0.2.1", True),
            ("192.0.2.1", "192.0.2.2", False),
            ("", "unix", False),
        ],
    )
    def test_one_customer_is_one_network(self, one, two, same):
        assert (accounts._network_key(one) == accounts._network_key(two)) is same

    def test_no_address_that_somebody_typed_is_kept(self, world):
        fail(world, who="secret.person")
        for key in world.session.scalars(sa.select(SignInAttempt.key)):
            assert "secret.person" not in key
            assert len(key) <= 80

    def test_old_attempts_are_forgotten(self, world):
        fail(world, 2)
        world.clock.advance(minutes=15)
        fail(world, who="another")
        gone = accounts.forget_attempts(world.session, world.clock.now(), minutes=15)
        kept = world.session.scalar(sa.select(sa.func.count(SignInAttempt.id)))
        assert (gone, kept) == (2, 2)

    def test_many_at_once_get_no_more_tries_than_one_after_the_other(self, world):
        world.user("firm")
        world.session.commit()
        engine = world.session.get_bind()
        outcomes: list[type[Exception]] = []
        barrier = threading.Barrier(8)

        def attempt() -> None:
            with so.Session(engine) as session:
                barrier.wait()
                try:
                    sign_in(world, password="not it at all", session=session)
                except (SignInFailed, TooManyRequests) as error:
                    outcomes.append(type(error))

        threads = [threading.Thread(target=attempt) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outcomes.count(SignInFailed) == THROTTLE.failures
        assert outcomes.count(TooManyRequests) == 8 - THROTTLE.failures


class TestOwnAccount:
    def edit(self, world, data, **more):
        actor = world.actor("firm")
        return accounts.edit_me(
            world.session,
            actor,
            data,
            **{"expected": None, "token": None, "throttle": THROTTLE, **more},
        )

    def test_a_new_password_needs_the_present_one(self, world):
        world.user("firm")
        for data, where in (
            ({"password": "another password"}, "/current_password"),
            ({"password": "short", "current_password": PASSWORD}, "/password"),
        ):
            with pytest.raises(Invalid) as caught:
                self.edit(world, data)
            assert [e.pointer for e in caught.value.errors] == [where]

    def test_guesses_at_the_present_password_count(self, world):
        user = world.user("firm")
        world.session.commit()
        guess = {
            "name": "改名",
            "password": "another password",
            "current_password": "no",
        }
        for _ in range(THROTTLE.failures):
            with pytest.raises(WrongPassword):
                self.edit(world, guess)
            world.session.commit()
        with pytest.raises(TooManyRequests):
            self.edit(world, {**guess, "current_password": PASSWORD})
        world.session.rollback()
        with pytest.raises(TooManyRequests):
            sign_in(world)
        world.session.refresh(user)
        assert user.name == "firm"
        assert user.password_hash == PASSWORD_HASH

    def test_a_new_password_ends_the_other_tokens(self, world):
        world.user("firm")
        kept, other = sign_in(world), sign_in(world)
        _, token_id = tokens.actor_for(world.session, kept, world.clock.now())
        token = world.session.get_one(ApiToken, token_id)
        self.edit(
            world,
            {"password": "another password", "current_password": PASSWORD},
            token=token,
        )
        world.session.commit()
        assert tokens.actor_for(world.session, kept, world.clock.now())
        with pytest.raises(Unauthenticated):
            tokens.actor_for(world.session, other, world.clock.now())
        with pytest.raises(SignInFailed):
            sign_in(world)
        assert sign_in(world, password="another password")
        written = [str(e.changes) for e in world.session.scalars(sa.select(Event))]
        assert not any("another password" in w or "argon2" in w for w in written)

    def test_name_and_language(self, world):
        user = self.edit(world, {"name": " 新名 ", "language": "en"})
        assert (user.name, user.language) == ("新名", "en")
        with pytest.raises(Invalid) as caught:
            self.edit(world, {"name": "", "language": "fr"})
        assert [e.pointer for e in caught.value.errors] == ["/name", "/language"]

    def test_the_second_of_two_editors_is_told(self, world):
        read = world.user("firm").revision
        self.edit(world, {"name": "甲"}, expected=read)
        with pytest.raises(Stale):
            self.edit(world, {"name": "乙"}, expected=read)


class TestOperators:
    def test_disabling_ends_the_tokens_and_enabling_gives_none_back(self, world):
        user, operator = world.user("firm"), world.actor("operator")
        raw = sign_in(world)
        accounts.act(world.session, operator, user.id, "disable", comment="离职")
        world.session.commit()
        with pytest.raises(SignInFailed):
            sign_in(world)
        accounts.act(world.session, operator, user.id, "enable", comment="返岗")
        world.session.commit()
        with pytest.raises(Unauthenticated):
            tokens.actor_for(world.session, raw, world.clock.now())
        assert sign_in(world)

    def test_nobody_disables_himself(self, world):
        operator = world.actor("operator")
        with pytest.raises(Conflict):
            accounts.act(
                world.session, operator, operator.user_id, "disable", comment="x"
            )

    def test_of_two_who_disable_each_other_one_stays(self, world):
        one, two = world.actor("operator"), world.actor("operator_two")
        accounts.act(world.session, one, two.user_id, "disable", comment="先")
        with pytest.raises(Unauthenticated):
            accounts.act(world.session, two, one.user_id, "disable", comment="后")

    def test_a_state_is_left_once_and_for_a_reason(self, world):
        user, operator = world.user("firm"), world.actor("operator")
        with pytest.raises(Invalid):
            accounts.act(world.session, operator, user.id, "disable")
        with pytest.raises(Conflict) as caught:
            accounts.act(world.session, operator, user.id, "enable", comment="x")
        assert caught.value.extra == {"state": "ACTIVE", "possible": ["disable"]}
        with pytest.raises(NotFound):
            accounts.get(world.session, operator, world.org("firm").id)

    def test_a_list_masks_addresses_and_finds_whole_ones(self, world):
        world.user("firm")
        operator = world.actor("operator")

        def found(**filters):
            return accounts.search(world.session, operator, **filters).page().items

        (row,) = found(q="firm@EXAMPLE.test")
        assert row["email"] == "f***@example.test"
        assert found(q="example.test") == []
        assert [r["name"] for r in found(q="FIR")] == ["firm"]
        assert [r["name"] for r in found(organisation_id=world.org("firm").id)] == [
            "firm"
        ]
        assert found(state="DISABLED") == []
        assert len(found(state="ACTIVE")) == 2
        assert found(q="%") == []


class TestFirstOperator:
    def test_the_system_makes_the_first_one_and_no_second(self, world):
        actor = system(world.clock.now())
        user = accounts.create_first_operator(world.session, actor, **OPERATOR)
        world.session.commit()
        assert user.email == "first@example.test"
        member = world.session.scalars(sa.select(Membership)).one()
        assert member.roles == [Role.OPERATOR, Role.UNIT_ADMIN]
        standing = tokens.standings(world.session, user.id)[0]
        assert standing.org_verified
        assert sign_in(world, email=OPERATOR["email"], password=OPERATOR["password"])
        again = {**OPERATOR, "email": "second@example.test"}
        with pytest.raises(Conflict):
            accounts.create_first_operator(world.session, actor, **again)

    def test_nobody_else_does(self, world):
        with pytest.raises(Forbidden):
            accounts.create_first_operator(
                world.session, world.actor("operator"), **OPERATOR
            )

    def test_a_market_without_an_active_operator_gets_one_again(self, world):
        world.user("operator").disabled_at = world.clock.now()
        world.session.flush()
        actor = system(world.clock.now())
        assert accounts.create_first_operator(world.session, actor, **OPERATOR)

    @pytest.mark.parametrize(
        ("wrong", "where"),
        [
            ({"password": "short"}, "/password"),
            ({"organisation": {"name": "甲", "region": "370100"}}, "/uscc"),
            ({"organisation": {"uscc": valid_uscc(1), "region": "370100"}}, "/name"),
        ],
    )
    def test_what_is_wrong_is_told(self, world, wrong, where):
        with pytest.raises(Invalid) as caught:
            accounts.create_first_operator(
                world.session, system(world.clock.now()), **{**OPERATOR, **wrong}
            )
        assert [e.pointer for e in caught.value.errors] == [where]


def test_a_closed_unit_gives_no_standing(world):
    user = world.user("firm")
    org = world.org("firm")
    org.state = OrganisationState.CLOSED
    world.session.flush()
    assert tokens.standings(world.session, user.id) == ()
    assert accounts.memberships_of(world.session, [user.id]) == {}


def test_an_issued_token_lives_as_long_as_the_setting_says(world):
    user = world.user("firm")
    _, token = tokens.issue(world.session, user, world.clock.now(), hours=7)
    world.session.commit()
    kept = world.session.get_one(ApiToken, token.id)
    assert kept.expires_at - kept.created_at == timedelta(hours=7)
    assert world.session.get_one(User, user.id).id == kept.user_id
