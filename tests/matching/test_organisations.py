"""An organisation is found by its name however it was written, the same way always."""

import random
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.benchmarks.invented_names import COUNTIES, SHORT_FORMS
from matching.errors import IndexCorrupt, IndexVersionMismatch
from matching.organisations import index as name_index
from matching.organisations.index import Hit, NameIndex, Organisation, warm
from matching.organisations.words import (
    LIGHT,
    LONGEST,
    WordClass,
    cut_names,
    form_length,
    listed,
    name_key,
    name_keys,
    split_ending,
)

FIRMS = [
    f"{place}{core}{trade}{form}"
    for place in COUNTIES[:12]
    for core in ("鲁信", "华科", "瑞通达", "安泰", "金石")
    for trade in ("新材料", "机械", "电子科技")
    for form in ("有限公司", "股份有限公司")
]
OFFICIAL = sorted({full.split("|")[0] for full in SHORT_FORMS.values()})
LUXIN = {"章丘鲁信新材料有限公司", "章丘鲁信新材料股份有限公司"}
NAMES = [
    *OFFICIAL,
    *FIRMS,
    "济南市鲁言新材料研究所",
    "中国石油大学（华东）",
    "ABC电子有限公司",
]


@pytest.fixture(scope="module")
def index():
    return NameIndex.build((f"{n:04}", name) for n, name in enumerate(NAMES))


@pytest.fixture(scope="module")
def has_numba():
    return warm()


def first(index, text):
    return index.search(text, 1)[0].name


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("章丘鲁言新材料有限公司", "章丘鲁信新材料有限公司"),
        ("章丘信新材料有限公司", "章丘鲁信新材料有限公司"),
        ("章丘丘鲁信新材料有限公司", "章丘鲁信新材料有限公司"),
        ("章丘信鲁新材料有限公司", "章丘鲁信新材料有限公司"),
        ("西北工业太学", "西北工业大学"),
        ("西北业工大学", "西北工业大学"),
        ("南京航空航夭大学", "南京航空航天大学"),
    ],
)
def test_a_typing_error_is_forgiven(index, written, meant):
    assert first(index, written) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("鲁信章丘新材料有限公司", "章丘鲁信新材料有限公司"),
        ("鲁信新材料（章丘）有限公司", "章丘鲁信新材料有限公司"),
        ("工业大学西北", "西北工业大学"),
        ("石油大学(华东)中国", "中国石油大学（华东）"),
    ],
)
def test_parts_may_be_swapped(index, written, meant):
    assert first(index, written) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("章丘鲁信新材料", {"章丘鲁信新材料有限公司", "章丘鲁信新材料股份有限公司"}),
        (
            "章丘鲁信新材料公司",
            {"章丘鲁信新材料有限公司", "章丘鲁信新材料股份有限公司"},
        ),
        ("鲁言新材料研究所", {"济南市鲁言新材料研究所"}),
        ("石油大学华东", {"中国石油大学（华东）"}),
    ],
)
def test_parts_may_be_left_out(index, written, meant):
    assert first(index, written) in meant


def test_who_leaves_the_place_out_finds_all_firms_of_that_core_equal():
    cities = ["济南", "青岛", "哈尔滨", "武汉市", "呼和浩特"]
    index = NameIndex.build((city, f"{city}鲁信电子科技有限公司") for city in cities)
    hits = index.search("鲁信电子科技有限公司")
    assert {hit.id for hit in hits} == set(cities)
    assert len({hit.similarity for hit in hits}) == 1


@pytest.mark.parametrize(
    "short",
    listed(
        "西工大 哈工大 哈工程 北航 南理工 浙大 川大 人大 矿大 央财 昌大 中科院 "
        "中科大 中石化 西建大 山科大 中科院金属所 首经贸 北邮"
    ),
)
def test_a_short_form_is_read_by_the_words_of_the_name(index, short):
    hits = index.search(short, 10)
    best = {hit.name for hit in hits if hit.similarity == hits[0].similarity}
    assert SHORT_FORMS[short].split("|")[0] in best


def test_the_shorter_of_two_equal_readings_comes_first_then_the_lesser_id():
    index = NameIndex.build(
        [("3", "西南信息工程大学"), ("2", "西宁工业大学"), ("1", "西安工业大学")]
    )
    assert [hit.id for hit in index.search("西工大")][:2] == ["1", "2"]
    assert index.search("西工大")[0].similarity == index.search("西工大")[1].similarity


def test_a_wrong_legal_form_weighs_less_than_a_wrong_core():
    index = NameIndex.build([("1", "青岛安泰机械有限公司"), ("2", "青岛安和机械厂")])
    found = {h.id: h.similarity for h in index.search("青岛安泰机械厂")}
    assert found["1"] > found["2"]


@given(st.sampled_from(NAMES))
def test_a_name_finds_itself_with_likeness_one(name):
    index = _whole()
    hit = index.search(name, 1)[0]
    assert (hit.name, hit.similarity) == (name, 1.0)


_BUILT = []


def _whole():
    if not _BUILT:
        _BUILT.append(NameIndex.build((str(n), name) for n, name in enumerate(NAMES)))
    return _BUILT[0]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ＡＢＣ電子有限公司", "ABC电子有限公司"),
        ("abc 电子 有限公司", "ABC电子有限公司"),
        ("西北工業大學", "西北工业大学"),
        ("中国石油大学(华东)", "中国石油大学（华东）"),
    ],
)
def test_width_case_script_and_signs_make_no_difference(index, written, meant):
    assert index.search(written, 1) == [Hit(index.search(meant, 1)[0].id, meant, 1.0)]


def test_an_alias_finds_its_organisation_once_under_its_name():
    index = NameIndex.build(
        [
            Organisation(
                "1", "电子科技大学", ("成电", "成都电讯工程学院", "电子科技大学")
            ),
            Organisation("2", "成都电力学校"),
        ]
    )
    assert index.search("成电", 1) == [Hit("1", "电子科技大学", 1.0)]
    assert [hit.id for hit in index.search("成都电讯工程学院")].count("1") == 1


def test_a_place_in_brackets_may_stand_in_front_but_a_name_goes_before_it():
    index = NameIndex.build(
        [("1", "鲁信（济南）机械有限公司"), ("2", "济南鲁信机械有限公司")]
    )
    assert [hit.id for hit in index.search("济南鲁信机械有限公司")] == ["2", "1"]
    assert index.search("鲁信(济南)机械有限公司", 1)[0].id == "1"
    assert index.search("鲁信济南机械有限公司", 1)[0].similarity == 1.0


def test_two_organisations_of_one_name_are_both_found_the_lesser_id_first():
    index = NameIndex.build([("b", "天安公司"), ("a", "天安公司"), ("c", "天安厂")])
    assert [hit.id for hit in index.search("天安公司", 2)] == ["a", "b"]


def test_an_id_given_twice_is_refused_by_name():
    with pytest.raises(ValueError, match="'7' is given twice: 天安公司, 天安厂"):
        NameIndex.build([("7", "天安公司"), ("7", "天安厂")])


def test_at_least_one_answer_has_to_be_wanted(index):
    with pytest.raises(ValueError, match="at least 1"):
        index.search("西工大", 0)


def test_an_empty_index_finds_nothing(tmp_path):
    index = NameIndex.build([])
    assert (len(index), index.search("西工大"), index.search("")) == (0, [], [])
    index.save(tmp_path / "names")
    assert NameIndex.open(tmp_path / "names").search("西工大", compiled=False) == []


def test_names_without_a_letter_or_of_one_character_do_no_harm():
    index = NameIndex.build([("1", "——"), ("2", ""), ("3", "甲"), ("4", "甲乙")])
    assert index.search("甲", 1) == [Hit("3", "甲", 1.0)]
    assert [hit.name for hit in index.search("甲乙")] == ["甲乙"]
    assert index.search("！") == []
    assert index.name_of(0) == "——"


def test_the_order_in_which_names_come_does_not_matter():
    entries = [(str(n), name) for n, name in enumerate(NAMES)]
    one = NameIndex.build(entries)
    random.Random(5).shuffle(entries)  # noqa: S311
    other = NameIndex.build(entries)
    for item in one.arrays.__dataclass_fields__:
        mine, theirs = getattr(one.arrays, item), getattr(other.arrays, item)
        assert mine.dtype == theirs.dtype
        assert mine.tolist() == theirs.tolist(), item


def test_a_saved_index_answers_as_the_built_one(index, tmp_path):
    size = index.save(tmp_path / "names")
    opened = NameIndex.open(tmp_path / "names")
    assert size >= opened.nbytes == index.nbytes
    for text in ("西工大", "鲁信章丘新材料有限公司", "鲁信", "abc"):
        assert opened.search(text, 20) == index.search(text, 20)


def test_saving_again_replaces_the_index_and_leaves_nothing_behind(index, tmp_path):
    index.save(tmp_path)
    old = NameIndex.open(tmp_path)
    NameIndex.build([("1", "天安公司")]).save(tmp_path)
    assert [hit.name for hit in NameIndex.open(tmp_path).search("天安公司")] == [
        "天安公司"
    ]
    assert first(old, "西工大") == first(index, "西工大")
    assert sorted(e.name.partition("-")[0] for e in tmp_path.iterdir()) == [
        ".lock",
        "generation",
        "manifest.json",
    ]


def test_a_damaged_index_is_refused(index, tmp_path):
    with pytest.raises(FileNotFoundError):
        NameIndex.open(tmp_path)
    index.save(tmp_path)
    (chars,) = tmp_path.glob("*/chars.npy")
    whole = chars.read_bytes()
    chars.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(IndexCorrupt, match="checksum"):
        NameIndex.open(tmp_path)
    chars.write_bytes(whole[:-1])
    with pytest.raises(IndexCorrupt, match="size"):
        NameIndex.open(tmp_path, verify=False)
    chars.unlink()
    with pytest.raises(IndexCorrupt, match="missing"):
        NameIndex.open(tmp_path)
    manifest = tmp_path / "manifest.json"
    text = manifest.read_text()
    manifest.write_text(text.replace('"format": 1', '"format": 0'))
    with pytest.raises(IndexVersionMismatch):
        NameIndex.open(tmp_path)
    manifest.write_text("[]")
    with pytest.raises(IndexCorrupt, match="no manifest"):
        NameIndex.open(tmp_path)


SYLLABLES = st.sampled_from(
    [
        *"西北工业大学山东科技鲁信新材料有限公司省市县院所中国ABab1（）·",
        "有限公司",
        "集团",
        "大学",
    ]
)
WRITTEN = st.lists(SYLLABLES, max_size=14).map("".join)


@given(
    names=st.lists(WRITTEN | st.sampled_from(NAMES), max_size=40),
    text=WRITTEN | st.sampled_from([*NAMES, *SHORT_FORMS]),
    k=st.integers(1, 80),
)
@settings(deadline=None)
def test_numba_and_numpy_give_equal_answers(has_numba, names, text, k):
    if not has_numba:
        pytest.skip("numba is not installed")
    index = NameIndex.build((str(n), name) for n, name in enumerate(names))
    assert index.search(text, k, compiled=True) == index.search(text, k, compiled=False)


def test_numba_and_numpy_agree_where_lists_are_cut(has_numba, monkeypatch):
    if not has_numba:
        pytest.skip("numba is not installed")
    monkeypatch.setattr(name_index, "POSTINGS", 150)
    monkeypatch.setattr(name_index, "READINGS", 40)
    monkeypatch.setattr(name_index, "LOOKED_AT", 30)
    monkeypatch.setattr(name_index, "CANDIDATES", 7)
    index = NameIndex.build((str(n), name) for n, name in enumerate(NAMES))
    for text in [*SHORT_FORMS, *FIRMS[::7], "有限公司", "大学", "鲁信", "新材料公司"]:
        plain = index.search(text, 9, compiled=False)
        assert index.search(text, 9, compiled=True) == plain


def test_without_numba_numpy_answers(index, monkeypatch):
    expected = index.search("西工大", 20)
    monkeypatch.setattr(name_index, "needing_numba", lambda _: None)
    assert index.search("西工大", 20) == expected
    assert warm() is False
    with pytest.raises(ValueError, match="numba is not installed"):
        index.search("西工大", compiled=True)


def test_numba_is_not_imported_with_the_module():
    import subprocess

    code = "import matching.organisations.index, sys; print('numba' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert out.stdout.split() == [b"False"]


@given(st.lists(st.text(max_size=12), max_size=8), st.text(max_size=12))
@settings(deadline=None, max_examples=60)
def test_any_text_is_accepted(names, text):
    index = NameIndex.build((str(n), name) for n, name in enumerate(names))
    for wanted in (text, *names):
        hits = index.search(wanted, 3, compiled=False)
        assert all(0 < hit.similarity <= 1 for hit in hits)
        assert all(hit.name == names[int(hit.id)] for hit in hits)
        if name_key(wanted) and wanted in names:
            assert hits[0].similarity == 1


@given(st.lists(WRITTEN | st.text(max_size=8), max_size=30))
@settings(deadline=None, max_examples=60)
def test_many_names_are_folded_as_each_alone(names):
    assert list(name_keys(names)) == [name_key(name) for name in names]


def test_an_overlong_name_is_compared_by_its_beginning():
    long = "济南" + "鲁信" * 5000
    index = NameIndex.build([("1", long), ("2", "济南安泰")])
    assert len(name_key(long)) == LONGEST
    assert index.search(long, 1) == [Hit("1", long, 1.0)]


@given(st.lists(WRITTEN, max_size=20))
@settings(deadline=None, max_examples=60)
def test_words_cover_each_name_without_gap_or_overlap(names):
    keys = [name_key(name) for name in names]
    words = cut_names(keys)
    ends = words.starts + words.sizes
    assert ends[:-1].tolist() == words.starts[1:].tolist()
    assert len(words.marks) == sum(map(len, keys)) == words.sizes.sum()
    for number, key in enumerate(keys):
        assert words.sizes[words.names == number].sum() == len(key)
    light = [form_length(split_ending(key)[1]) for key in keys]
    assert sum(light) == ((words.marks & LIGHT) > 0).sum()


def test_words_have_their_classes():
    words = cut_names([name_key("山东省鲁信新材料有限公司"), name_key("中国矿业大学")])
    expected = [
        WordClass.FIRST_COMMON,
        WordClass.ADMINISTRATIVE,
        WordClass.RARE,
        WordClass.NATIONAL,
        WordClass.TYPE,
    ]
    found = words.classes.tolist()
    assert found[:3] == expected[:3]
    assert found[-3] == WordClass.NATIONAL
    assert found[-1] == WordClass.TYPE
    assert WordClass.FORM in found
