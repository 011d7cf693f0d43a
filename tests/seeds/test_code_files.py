"""The code lists and the calendar are data, so their rules are checked here."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

SEEDS = Path(__file__).resolve().parents[2] / "seeds"
CODE_FILES = sorted((SEEDS / "codes").glob("*.json"))
CALENDAR_FILE = SEEDS / "calendar" / "cn_working_days.json"

LIST_KEYS = {
    "list_id",
    "section",
    "title_zh",
    "title_en",
    "owner_region",
    "status",
    "source",
    "versions",
}
VERSION_KEYS = {
    "version",
    "valid_from",
    "valid_to",
    "certainty",
    "source",
    "note",
    "entries",
}
ENTRY_KEYS = {
    "code",
    "zh",
    "en",
    "parent",
    "valid_from",
    "valid_to",
    "certainty",
    "note",
    "attributes",
}
CERTAINTIES = {"V", "P", "R", "X"}

EXPECTED_LISTS = {
    "decline_reason",
    "contract_clause",
    "clause_state",
    "non_technical_cost",
    "amendment_reason",
    "rescission_ground",
    "income_deduction",
    "contract_document",
    "monopoly_clause",
    "contract_side",
    "contribution",
    "contract_class",
    "patent_licence_mode",
    "tech_field",
    "ip_type",
    "ip_legal_status",
    "plan_source",
    "socio_objective",
    "party_nature",
    "org_type",
    "party_flag",
    "enterprise_scale",
    "enterprise_label",
    "payment_method",
    "royalty_base",
    "royalty_rate_shape",
    "industry",
    "sd_chain",
    "sd_ten_strong",
    "strategic_emerging",
    "foundation",
    "future_tag",
    "region",
    "maturity_qd13",
    "maturity_trl9",
    "maturity_stage",
    "achievement_category",
    "achievement_nature",
    "achievement_level",
    "achievement_form",
    "evaluation_mode",
    "secrecy",
    "five_values",
    "application_state",
    "conversion_mode",
    "cooperation_mode",
    "trial_mode",
    "pricing_mode",
    "empowerment",
    "need_owner_kind",
    "solve_mode",
    "activity_type",
    "cooperation_term",
    "need_level",
    "indicator_comparison",
    "urgency",
    "disclosure",
    "source_channel",
    "ip_owner",
    "call_mode",
    "call_category",
    "call_issuer_kind",
    "funding_mode",
    "fund_source",
    "registration_outcome",
    "broker_grade",
    "institution_legal_type",
    "institution_unit_type",
    "record_level",
    "performance_grade",
    "org_state",
    "need_state",
    "offer_state",
    "docking_state",
    "contract_state",
    "registration_state",
    "call_state",
    "bid_state",
    "task_state",
    "milestone_state",
    "institution_state",
    "credit_status",
    "feedback_verdict",
    "feedback_reason",
    "talk_outcome",
}

Record = dict[str, Any]


def read(path: Path) -> Record:
    data = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(data, dict)
    return data


def load(list_id: str) -> Record:
    return read(SEEDS / "codes" / f"{list_id}.json")


def newest(list_id: str) -> list[Record]:
    """Return the entries of the version that began last."""
    versions: list[Record] = load(list_id)["versions"]
    entries: list[Record] = max(versions, key=lambda v: v["valid_from"])["entries"]
    return entries


def codes_of(list_id: str) -> set[str]:
    return {entry["code"] for entry in newest(list_id)}


def day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def versions_of(code_list: Record) -> Iterator[tuple[date, date, list[Record]]]:
    for version in code_list["versions"]:
        start = date.fromisoformat(version["valid_from"])
        yield start, day(version["valid_to"]) or date.max, version["entries"]


@pytest.fixture(params=CODE_FILES, ids=lambda path: path.stem)
def code_list(request: pytest.FixtureRequest) -> Record:
    return read(request.param)


def test_every_agreed_list_is_there_and_no_other() -> None:
    assert {path.stem for path in CODE_FILES} == EXPECTED_LISTS


def test_list_ids_are_unique_and_name_their_file() -> None:
    ids = [read(path)["list_id"] for path in CODE_FILES]
    assert ids == [path.stem for path in CODE_FILES]
    assert len(set(ids)) == len(ids)


def test_a_list_has_exactly_the_agreed_fields(code_list: Record) -> None:
    assert set(code_list) == LIST_KEYS
    assert code_list["status"] in CERTAINTIES
    assert code_list["versions"]
    for field in ("title_zh", "title_en", "source"):
        assert code_list[field].strip(), field


def test_versions_have_exactly_the_agreed_fields(code_list: Record) -> None:
    labels = [version["version"] for version in code_list["versions"]]
    assert len(set(labels)) == len(labels)
    for version in code_list["versions"]:
        assert set(version) == VERSION_KEYS
        assert version["version"].strip()
        assert version["certainty"] in CERTAINTIES
        assert version["source"].strip()
        assert version["entries"]


def test_entries_have_exactly_the_agreed_fields(code_list: Record) -> None:
    for _, _, entries in versions_of(code_list):
        for entry in entries:
            assert set(entry) == ENTRY_KEYS, entry
            assert entry["certainty"] in CERTAINTIES, entry
            assert isinstance(entry["attributes"], dict), entry
            for name in (entry["zh"], entry["en"]):
                assert name, entry
                assert name == name.strip(), entry


def test_codes_are_stable_ascii_words_unique_in_their_version(
    code_list: Record,
) -> None:
    for _, _, entries in versions_of(code_list):
        counts = Counter(entry["code"] for entry in entries)
        assert [code for code, count in counts.items() if count > 1] == []
        for code in counts:
            assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", code), code


def test_parents_exist_in_the_same_version_and_make_no_circle(
    code_list: Record,
) -> None:
    for _, _, entries in versions_of(code_list):
        parents = {entry["code"]: entry["parent"] for entry in entries}
        for code in parents:
            seen = [code]
            while (above := parents[seen[-1]]) is not None:
                assert above in parents, f"{seen[-1]} hangs under unknown {above}"
                assert above not in seen, f"{code} is its own ancestor"
                seen.append(above)


def test_validity_intervals_begin_before_they_end(code_list: Record) -> None:
    for start, end, entries in versions_of(code_list):
        assert start <= end
        for entry in entries:
            first = day(entry["valid_from"]) or date.min
            last = day(entry["valid_to"]) or date.max
            assert first <= last, entry
            assert first <= end, f"begins after its version ended: {entry}"
            if last < start:
                assert entry["attributes"].get("retired") is True, entry


def test_versions_of_a_list_do_not_overlap(code_list: Record) -> None:
    spans = sorted((start, end) for start, end, _ in versions_of(code_list))
    for (_, end), (start, _) in pairwise(spans):
        assert end < start


def test_one_version_is_open_today_and_later(code_list: Record) -> None:
    assert [v["valid_to"] for v in code_list["versions"]].count(None) == 1


def test_owner_regions_are_known_regions(code_list: Record) -> None:
    allowed = codes_of("region") | {""}
    assert code_list["owner_region"] in allowed
    for _, _, entries in versions_of(code_list):
        for entry in entries:
            assert entry["attributes"].get("owner_region", "") in allowed, entry


def test_references_between_entries_resolve(code_list: Record) -> None:
    for _, _, entries in versions_of(code_list):
        own = {entry["code"] for entry in entries}
        for entry in entries:
            attributes = entry["attributes"]
            for list_id, codes in attributes.get("maps_to", {}).items():
                assert codes, entry
                assert set(codes) <= codes_of(list_id), entry
            if "same_as" in attributes:
                assert attributes["same_as"] in own - {entry["code"]}, entry
            if attributes.get("retired"):
                assert attributes["merged_into"] in own, entry
                assert set(attributes["successors"]) <= own, entry


@pytest.mark.parametrize("list_id", ["maturity_qd13", "maturity_trl9"])
def test_maturity_mappings_agree_in_both_directions(list_id: str) -> None:
    for entry in newest(list_id):
        for other, codes in entry["attributes"]["maps_to"].items():
            for target in newest(other):
                back = target["attributes"]["maps_to"][list_id]
                assert (entry["code"] in back) == (target["code"] in codes)


@pytest.mark.parametrize(
    ("list_id", "levels"),
    [("maturity_qd13", 13), ("maturity_trl9", 9), ("maturity_stage", 3)],
)
def test_maturity_ranks_count_up_from_one(list_id: str, levels: int) -> None:
    ranks = [entry["attributes"]["rank"] for entry in newest(list_id)]
    assert ranks == list(range(1, levels + 1))


def test_higher_maturity_never_maps_to_a_lower_level() -> None:
    for list_id in ("maturity_qd13", "maturity_trl9", "maturity_stage"):
        maps = [entry["attributes"]["maps_to"] for entry in newest(list_id)]
        for other in maps[0]:
            levels = [[int(code) for code in m[other]] for m in maps]
            for lower, higher in pairwise(levels):
                assert max(lower) <= min(higher), (list_id, other)


def test_licences_moved_out_of_transfer_with_the_civil_code() -> None:
    spans = {
        version["version"]: (version["valid_from"], version["valid_to"])
        for version in load("contract_class")["versions"]
    }
    assert spans == {"2001": ("2001-01-01", "2020-12-31"), "2021": ("2021-01-01", None)}

    parents = {
        version["version"]: {e["code"]: e["parent"] for e in version["entries"]}
        for version in load("contract_class")["versions"]
    }
    tops = {
        label: {code for code, parent in tree.items() if parent is None}
        for label, tree in parents.items()
    }
    assert tops == {"2001": set("DTCS"), "2021": set("DTLCS")}
    assert parents["2001"]["L1"] == "T"
    assert parents["2021"]["L1"] == "L"


def test_old_contract_classes_lead_to_the_new_ones() -> None:
    old, new = load("contract_class")["versions"]
    tops = {e["code"] for e in new["entries"] if e["parent"] is None}
    bridged = {e["code"]: e["attributes"].get("class_2021") for e in old["entries"]}
    assert bridged.pop("T") is None, "a bare old transfer may be either class"
    assert set(bridged.values()) <= tops
    assert {code for code, top in bridged.items() if top == "L"} == {
        e["code"] for e in new["entries"] if e["parent"] == "L"
    }


def test_eleven_signature_chains() -> None:
    assert [entry["code"] for entry in newest("sd_chain")] == [
        f"SD-C{number:02d}" for number in range(1, 12)
    ]
    assert load("sd_chain")["owner_region"] == "370000"
    assert "19" in load("sd_chain")["versions"][-1]["note"]


def test_regions_of_shandong_are_counted() -> None:
    entries = {entry["code"]: entry for entry in newest("region")}
    kinds = Counter(
        entry["attributes"]["level"]
        for entry in entries.values()
        if not entry["attributes"].get("retired")
    )
    assert kinds == {"province": 34, "city": 16, "county": 136, "zone": 15}
    above = {"city": "province", "county": "city", "zone": "city"}
    for code, entry in entries.items():
        level = entry["attributes"]["level"]
        assert re.fullmatch(r"\d{6}" if level == "province" else r"37\d{4}", code)
        if level == "province":
            continue
        parent = entries[entry["parent"]]
        assert parent["attributes"]["level"] == above[level], entry
        shared = 2 if level == "city" else 4
        assert code[:shared] == parent["code"][:shared], entry


def test_functional_zones_are_not_passed_off_as_standard_codes() -> None:
    for entry in newest("region"):
        is_zone = 71 <= int(entry["code"][4:]) <= 79
        assert entry["attributes"]["gbt2260"] is not is_zone, entry
        assert entry["attributes"].get("functional_zone", False) is is_zone, entry


def test_laiwu_is_readable_but_retired() -> None:
    retired = [e for e in newest("region") if e["attributes"].get("retired")]
    assert [(e["code"], e["valid_to"]) for e in retired] == [("371200", "2019-01-01")]


def test_industries_are_counted_and_every_division_has_its_section() -> None:
    entries = newest("industry")
    sections = [e["code"] for e in entries if e["parent"] is None]
    divisions = [e for e in entries if e["parent"] is not None]
    assert "".join(sections) == "ABCDEFGHIJKLMNOPQRST"
    assert [int(e["code"][1:]) for e in divisions] == list(range(1, 98))
    assert all(e["code"][0] == e["parent"] for e in divisions)


def test_portal_tags_stay_apart_from_the_eleven_contract_fields() -> None:
    tops = [e for e in newest("tech_field") if e["parent"] is None]
    fields = [e["code"] for e in tops if not e["attributes"].get("portal_tag")]
    tags = [e["code"] for e in tops if e["attributes"].get("portal_tag")]
    assert fields == [f"{number:02d}" for number in range(1, 12)]
    assert tags == ["51", "52", "53", "54"]


def test_need_states_are_those_of_the_life_cycle() -> None:
    assert codes_of("need_state") == {
        "DRAFT",
        "SUBMITTED",
        "RETURNED",
        "DISTRICT_OK",
        "FORMAL_OK",
        "ARGUED",
        "REJECTED",
        "POOLED",
        "CALLED",
        "DOCKING",
        "CONTRACTED",
        "SOLVED",
        "WITHDRAWN",
        "EXPIRED",
    }


def test_offer_states_are_those_of_the_life_cycle() -> None:
    assert codes_of("offer_state") == {
        "DRAFT",
        "SUBMITTED",
        "UNIT_OK",
        "REGISTERED",
        "REJECTED",
        "LISTED",
        "TRIAL",
        "PRICING",
        "CONVERTED",
        "DELISTED",
    }


@pytest.fixture
def calendar() -> Record:
    return read(CALENDAR_FILE)


def test_the_calendar_is_sorted_and_keeps_to_its_years(calendar: Record) -> None:
    assert calendar["country"] == "CN"
    assert "国务院办公厅" in calendar["source"]
    assert calendar["years"] == list(
        range(calendar["years"][0], calendar["years"][-1] + 1)
    )
    assert {2019, 2026} <= set(calendar["years"])
    for field in ("holidays", "make_up_days"):
        days = [date.fromisoformat(text) for text in calendar[field]]
        assert days == sorted(set(days)), field
        assert {d.year for d in days} == set(calendar["years"]), field


def test_no_day_is_both_off_and_worked(calendar: Record) -> None:
    assert not set(calendar["holidays"]) & set(calendar["make_up_days"])


def test_make_up_days_are_weekends(calendar: Record) -> None:
    weekdays = {date.fromisoformat(d).weekday() for d in calendar["make_up_days"]}
    assert weekdays <= {5, 6}


def test_each_year_has_new_year_labour_and_national_day_off(calendar: Record) -> None:
    holidays = set(calendar["holidays"])
    for year in calendar["years"]:
        fixed = {f"{year}-{d}" for d in ("01-01", "05-01", "10-01", "10-02", "10-03")}
        assert fixed <= holidays


@pytest.mark.parametrize(
    ("year", "working_days"),
    [
        (2019, 250),
        (2020, 249),
        (2021, 250),
        (2022, 249),
        (2023, 249),
        (2024, 251),
        (2025, 248),
        (2026, 248),
    ],
)
def test_working_days_of_a_year(calendar: Record, year: int, working_days: int) -> None:
    """Weekdays less the 11 (from 2025: 13) statutory days; 2020 had two more off."""
    off, made_up = set(calendar["holidays"]), set(calendar["make_up_days"])
    first, last = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
    days = [date.fromordinal(number) for number in range(first, last + 1)]
    worked = [
        d
        for d in days
        if d.isoformat() in made_up or (d.weekday() < 5 and d.isoformat() not in off)
    ]
    assert len(worked) == working_days
