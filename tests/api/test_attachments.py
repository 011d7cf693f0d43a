"""Files go in once and come out only to who may see what they hang on."""

from __future__ import annotations

import hashlib
import io

import pytest

from marketplace.domain.needs import Disclosure, NeedState
from marketplace.domain.offers import OfferKind, OfferState
from marketplace.models.needs import Need, NeedAttachment, NeedVersion
from marketplace.models.offers import Offer, OfferAttachment, OfferVersion
from marketplace.models.organisations import DisclosureGrant
from marketplace.services import events
from tests import people, samples
from tests.stores import ONE

SEEN_BY_ALL_VERIFIED = dict.fromkeys(people.ROLES, 200) | {
    "pending_admin": 404,
    "stranger": 404,
}
ONLY_OWNER = dict.fromkeys((*people.ROLES, "stranger"), 404) | {
    "firm": 200,
    "firm_admin": 200,
}
OWNER_AND_REVIEWERS = ONLY_OWNER | {
    "operator": 200,
    "operator_two": 200,
    "district": 200,
}
OWNER_AND_OPERATORS = ONLY_OWNER | {"operator": 200, "operator_two": 200}


def upload(client, content=samples.PDF, name="说明.pdf", **form):
    data = {"file": (io.BytesIO(content), name), **form}
    return client.open(
        "POST", "/attachments", data=data, content_type="multipart/form-data"
    )


def download(client, attachment_id):
    answer = client.get(f"/attachments/{attachment_id}/content")
    answer.get_data()
    answer.close()
    return answer


def attach_to_need(world, attachment_id, state, disclosure=Disclosure.FULL):
    """Hang a file on a need of the firm, written without its service."""
    session, now = world.session, world.clock.now()
    org = world.org("firm")
    need = Need(
        need_no=f"N-{state}-{disclosure}",
        owner_org_id=org.id,
        state=NeedState.DRAFT,
        created_at=now,
        updated_at=now,
    )
    session.add(need)
    session.flush()
    version = NeedVersion(
        need_id=need.id, number=1, title="需求", created_at=now, disclosure=disclosure
    )
    session.add(version)
    session.flush()
    need.working_version_id = version.id
    if state is NeedState.POOLED:
        need.published_version_id = version.id
    need.state, need.released = state, state is not NeedState.DRAFT
    session.add(
        NeedAttachment(version_id=version.id, position=0, attachment_id=attachment_id)
    )
    session.flush()
    return need


def attach_to_offer(world, attachment_id, state, disclosure=Disclosure.FULL):
    """Hang a file on an offer of the firm, written without its service."""
    session, now = world.session, world.clock.now()
    org = world.org("firm")
    offer = Offer(
        ach_no=f"R-{state}-{disclosure}",
        kind=OfferKind.RESULT,
        owner_org_id=org.id,
        state=OfferState.DRAFT,
        created_at=now,
        updated_at=now,
    )
    session.add(offer)
    session.flush()
    version = OfferVersion(
        offer_id=offer.id, number=1, title="成果", created_at=now, disclosure=disclosure
    )
    session.add(version)
    session.flush()
    offer.working_version_id = version.id
    if state is OfferState.LISTED:
        offer.published_version_id = version.id
    offer.state = state
    offer.released = state not in {OfferState.DRAFT, OfferState.SUBMITTED}
    session.add(
        OfferAttachment(version_id=version.id, position=0, attachment_id=attachment_id)
    )
    session.flush()
    return offer


def test_a_file_goes_in_and_comes_out(world):
    client = world.client("firm")
    answer = upload(client)
    assert answer.status_code == 201
    body = answer.get_json()
    assert body["filename"] == "说明.pdf"
    assert body["media_type"] == "application/pdf"
    assert body["size"] == len(samples.PDF)
    assert body["digest"] == hashlib.sha256(samples.PDF).hexdigest()
    assert answer.headers["Location"] == f"/api/v1/attachments/{body['id']}"
    described = client.get(f"/attachments/{body['id']}")
    assert described.get_json() | {"created_at": body["created_at"]} == body
    got = download(client, body["id"])
    assert got.data == samples.PDF
    assert got.headers["ETag"] == f'"{body["digest"]}"'
    assert got.headers["Content-Type"] == "application/pdf"
    assert got.headers["Content-Length"] == str(len(samples.PDF))
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Content-Disposition"].startswith("attachment;")
    name = "filename*=UTF-8''%E8%AF%B4%E6%98%8E.pdf"
    assert name in got.headers["Content-Disposition"]


def test_a_text_keeps_its_own_encoding(world):
    client = world.client("firm")
    content = "名称\n碳纤维\n".encode("gb18030")
    body = upload(client, content, "a.csv").get_json()
    got = download(client, body["id"])
    assert got.headers["Content-Type"] == "text/csv; charset=gb18030"
    assert got.data == content


def test_every_accepted_type_goes_in(world):
    client = world.client("firm")
    for name, content, media_type in samples.GOOD:
        answer = upload(client, content, name)
        assert answer.status_code == 201
        assert answer.get_json()["media_type"].partition(";")[0] == media_type


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_what_is_not_accepted_is_refused_at_its_place(world, language):
    client = world.client("firm")
    client.headers["Accept-Language"] = language
    for name, content, code in samples.BAD:
        answer = upload(client, content, name)
        assert answer.status_code in {415, 422}
        (error,) = answer.get_json()["errors"]
        assert (error["pointer"], error["code"]) == ("/file", code)
        assert error["message"].isascii() == (language == "en")


def test_a_file_larger_than_the_setting_is_refused(world):
    limit = world.app.config["MAX_CONTENT_LENGTH"]
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
    answer = world.client("firm").open(
        "POST",
        "/attachments",
        data=part + b"\r\n" + b"a" * (limit + 1) + b"\r\n--x--\r\n",
        content_type="multipart/form-data; boundary=x",
    )
    assert answer.status_code == 413
    assert answer.get_json()["code"] == "payload_too_large"


def test_a_form_without_a_file_or_with_something_more_is_refused(world):
    client = world.client("firm")
    answer = client.open(
        "POST", "/attachments", data={"x": "1"}, content_type="multipart/form-data"
    )
    assert answer.status_code == 422
    assert upload(client, colour="red").status_code == 422


def test_a_retry_with_the_same_key_stores_once_whatever_its_boundary(world):
    client = world.client("firm")
    client.headers["Idempotency-Key"] = "k1"
    first = upload(client)
    client.headers["Content-Type"] = "multipart/form-data"
    second = upload(client)
    assert second.headers["Idempotent-Replay"] == "true"
    assert second.get_json() == first.get_json()
    other = upload(client, samples.PNG, "a.png")
    assert other.get_json()["code"] == "idempotency_key_reused"


def test_a_name_is_stripped_of_its_path(world):
    body = upload(world.client("firm"), name="../../etc/说明.pdf").get_json()
    assert body["filename"] == "说明.pdf"


def test_a_file_is_uploaded_for_an_own_organisation_only(world):
    for who in (*people.ROLES, "stranger"):
        client = world.client(who)
        own = upload(client)
        assert own.status_code == (401 if who == "stranger" else 201), who
        other = "team" if who in {"firm", "firm_admin"} else "firm"
        form = {"organisation_id": str(world.org(other).id)}
        world.session.commit()
        expected = 401 if who == "stranger" else 403
        assert upload(client, **form).status_code == expected, who


def test_who_belongs_to_two_units_names_one(world):
    user = world.user("firm")
    session, now = world.session, world.clock.now()
    session.add(
        people.Membership(
            user_id=user.id,
            org_id=world.org("team").id,
            roles=["supplier"],
            created_at=now,
            updated_at=now,
        )
    )
    session.flush()
    client = world.client("firm")
    answer = upload(client)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == "/organisation_id"
    form = {"organisation_id": str(world.org("team").id)}
    assert upload(client, **form).status_code == 201


def uploaded(world):
    return upload(world.client("firm")).get_json()["id"]


CASES = [
    ("unattached", None, ONLY_OWNER),
    ("draft need", (attach_to_need, NeedState.DRAFT, Disclosure.FULL), ONLY_OWNER),
    (
        "submitted need",
        (attach_to_need, NeedState.SUBMITTED, Disclosure.FULL),
        OWNER_AND_REVIEWERS,
    ),
    (
        "open need",
        (attach_to_need, NeedState.POOLED, Disclosure.FULL),
        SEEN_BY_ALL_VERIFIED,
    ),
    (
        "need under NDA",
        (attach_to_need, NeedState.POOLED, Disclosure.NDA),
        OWNER_AND_REVIEWERS,
    ),
    (
        "targeted need",
        (attach_to_need, NeedState.POOLED, Disclosure.TARGETED),
        OWNER_AND_REVIEWERS,
    ),
    ("draft offer", (attach_to_offer, OfferState.DRAFT, Disclosure.FULL), ONLY_OWNER),
    (
        "offer inside its unit",
        (attach_to_offer, OfferState.SUBMITTED, Disclosure.FULL),
        ONLY_OWNER,
    ),
    (
        "registered offer",
        (attach_to_offer, OfferState.REGISTERED, Disclosure.FULL),
        OWNER_AND_OPERATORS,
    ),
    (
        "listed offer",
        (attach_to_offer, OfferState.LISTED, Disclosure.FULL),
        SEEN_BY_ALL_VERIFIED,
    ),
    (
        "offer under NDA",
        (attach_to_offer, OfferState.LISTED, Disclosure.NDA),
        OWNER_AND_OPERATORS,
    ),
]


@pytest.mark.parametrize("store", [ONE])
def test_a_file_is_seen_with_what_it_hangs_on(world):
    hung = {}
    for name, hang, _ in CASES:
        hung[name] = uploaded(world)
        if hang is not None:
            attach, *how = hang
            attach(world, _uuid(hung[name]), *how)
    seen = {name: {} for name in hung}
    for who in (*people.ROLES, "stranger"):
        client = world.client(who)
        for name, attachment_id in hung.items():
            seen[name][who] = download(client, attachment_id).status_code
    assert seen == {name: expected for name, _, expected in CASES}
    for who in ("firm", "team", "operator", "stranger"):
        client = world.client(who)
        for name, attachment_id in hung.items():
            described = client.get(f"/attachments/{attachment_id}")
            assert described.status_code == seen[name][who], (who, name)


def _uuid(text):
    from uuid import UUID

    return UUID(text)


def test_a_signed_nda_opens_the_file_of_one_need(world):
    attachment_id = uploaded(world)
    need = attach_to_need(world, _uuid(attachment_id), NeedState.POOLED, Disclosure.NDA)
    assert world.client("team").get(f"/attachments/{attachment_id}").status_code == 404
    world.session.add(
        DisclosureGrant(
            subject_kind="need",
            subject_id=need.id,
            org_id=world.org("team").id,
            granted_at=world.clock.now(),
            granted_by=world.user("firm").id,
            basis="保密协议（测试）",
        )
    )
    assert world.client("team").get(f"/attachments/{attachment_id}").status_code == 200
    other = world.client("other_firm").get(f"/attachments/{attachment_id}")
    assert other.status_code == 404


def test_readings_from_outside_go_to_the_ledger_and_own_ones_do_not(world):
    attachment_id = uploaded(world)
    attach_to_need(world, _uuid(attachment_id), NeedState.POOLED)
    download(world.client("firm"), attachment_id)
    download(world.client("team"), attachment_id)
    download(world.client("stranger"), attachment_id)
    history = events.of_subject(world.session, "attachment", _uuid(attachment_id))
    told = [(e.action, e.actor_role, e.comment) for e in history]
    assert told == [
        ("attachment.upload", "demand", ""),
        ("attachment.read", "supplier", "content"),
    ]
    assert history[1].actor_id == world.user("team").id
    assert list(events.verify(world.session)) == []


@pytest.mark.parametrize("path", ["", "/content"])
def test_an_unknown_file_is_not_found(world, path):
    client = world.client("firm")
    missing = "01900000-0000-7000-8000-000000000000"
    assert client.get(f"/attachments/{missing}{path}").status_code == 404
