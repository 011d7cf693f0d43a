"""An organisation is found by its name however it was written, the same way always."""

import random
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.benchmarks.invented_names import COUNTIES, SHORTENINGS, Name
from matching.benchmarks.known_short_forms import SHORT_FORMS, UNSEEN_SHORT_FORMS
from matching.benchmarks.organisations import Question, counted
from matching.errors import IndexCorrupt, IndexVersionMismatch
from matching.organisations import index as name_index
from matching.organisations.index import Hit, NameIndex, Organisation, warm
from matching.organisations.places import PLACES, leading_place
from matching.organisations.well_known import PROMINENT, WELL_KNOWN
from matching.organisations.words import (
    LIGHT,
    LONGEST,
    PRICES,
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


def of_rules(*entries):
    """Return an index that knows nothing but the names."""
    numbered = [(f"{n:02}", name) for n, name in enumerate(entries)]
    return NameIndex.build(numbered, short_forms={}, prominent={})


@pytest.mark.parametrize(
    ("short", "meant", "other"),
    [
        # Without its kind a university is likelier meant than a college or institute.
        ("南理工", "南京理工大学", "南昌理工学院"),
        ("北化", "北京化工大学", "北京化工研究院"),
        # An institute is called by the end of its kind, not by the beginning.
        ("大工", "大连理工大学", "大连机械工程研究中心"),
        ("中电科", "中国电子科技集团有限公司", "中国电力科学研究院"),
        # Of words of two ideas either character may stand, the first at less.
        ("昆工", "昆明理工大学", "昆明交通工程技术研究中心"),
        ("国网", "国家电网有限公司", "国家电力有限公司"),
        ("南工大", "南京工业大学", "南京理工大学"),
        # Of four characters that are one idea the latter two may be taken alone.
        ("青岛能源所", "中国科学院青岛生物能源与过程研究所", "青岛能动研究所"),
        ("南工程", "南京信息工程大学", "南京工业大学"),
        # For 第二 the number stands.
        ("北二外", "北京第二外国语学院", "北京外国语大学"),
        # A group of a place and a trade has no core, and is called as bodies are.
        ("北汽", "北京汽车集团有限公司", "湖北汽车工业学院"),
        ("徐工", "徐州工程机械集团有限公司", "徐州工农机械有限公司"),
        # A body may be called without its parent, yet what has none is nearer.
        ("华西医院", "四川大学华西医院", "华西机械医院用品有限公司"),
        ("师范学院", "唐山师范学院", "扬州大学师范学院"),
        ("上外", "上海外国语大学", "上海大学外语学院"),
        # A body is likelier meant than a firm that is read as well, and of firms of
        # the state the group.
        ("天美", "天津美术学院", "天美家具有限公司"),
        ("中核", "中国核工业集团有限公司", "中国核建有限公司"),
    ],
)
def test_the_likelier_reading_comes_first(short, meant, other):
    assert first(of_rules(other, meant), short) == meant
    assert first(of_rules(meant, other), short) == meant


def test_who_is_named_more_often_comes_first_among_equals():
    names = [("1", "湖北工业大学", (), 7), ("2", "湖南工业大学", (), 9)]
    names += [("3", "湖东工业大学"), ("4", "湖西工业大学", (), 2)]
    index = NameIndex.build(Organisation(*entry) for entry in names)
    hits = index.search("湖工大")
    assert [hit.id for hit in hits] == ["2", "1", "4", "3"]
    assert len({hit.similarity for hit in hits}) == 1


def test_the_well_known_are_a_little_nearer_and_no_more():
    def similarity(named):
        index = NameIndex.build([Organisation("1", "甘肃工业大学", (), named)])
        return index.search("甘工大")[0].similarity

    assert similarity(0) == similarity(14) < similarity(15) == similarity(10**9)
    exact = NameIndex.build(
        [
            Organisation("1", "甘工大有限公司"),
            Organisation("2", "甘肃工业大学", (), 500),
        ]
    )
    assert exact.search("甘工大有限公司")[0].id == "1"


def test_nobody_can_be_named_less_than_never():
    with pytest.raises(ValueError, match="'7' cannot be named -1 times: 天安厂"):
        NameIndex.build([Organisation("7", "天安厂", (), -1)])


def test_universities_of_published_lists_are_likelier_meant():
    entries = [("1", "湖北大学"), ("2", "湖南大学"), ("3", "湖东大学")]
    assert NameIndex.build(entries).search("湖大")[0].id == "2"
    assert NameIndex.build(entries, prominent={}).search("湖大")[0].id == "1"
    counts = [Organisation(*entry, (), 99 * (entry[0] == "1")) for entry in entries]
    assert NameIndex.build(counts).search("湖大")[0].id == "1"
    prominent = {"湖东大学（新）": 50, "湖东大学": 30}
    assert NameIndex.build(entries, prominent=prominent).search("湖大")[0].id == "3"


def test_shipped_short_forms_are_aliases_of_who_has_the_official_name():
    entries = [("1", "电子科技大学"), ("2", "成都电力研究中心"), ("3", "成电有限公司")]
    index = NameIndex.build(entries)
    assert index.search("成电", 1) == [Hit("1", "电子科技大学", 1.0)]
    assert NameIndex.build(entries[1:]).search("成电", 1)[0].id == "3"
    assert NameIndex.build(entries, short_forms={}).search("成电", 1)[0].id == "3"
    own = NameIndex.build(entries, short_forms={"成都电力研究中心": ["成电"]})
    assert own.search("成电", 1)[0].id == "2"


def test_shipped_tables_hold_each_name_once_and_no_name_is_its_own_short_form():
    owners = {}
    for name, forms in WELL_KNOWN.items():
        assert forms
        assert name not in forms
        for form in forms:
            owners.setdefault(name_key(form), []).append(name)
    # Two firms of one group may go by the same name.
    assert {form for form, names in owners.items() if len(names) > 1} == {
        "国网",
        "中石油",
    }
    assert sum(times == max(PROMINENT.values()) for times in PROMINENT.values()) == 39
    assert not set(SHORT_FORMS) & set(UNSEEN_SHORT_FORMS)


def test_a_place_is_cut_off_though_the_dictionary_joins_it_to_the_core():
    assert leading_place("景德镇陶瓷大学") == "景德镇"
    assert leading_place("清华大学") == ""
    assert all(leading_place(place) == place for place in PLACES)
    words = cut_names(["景德镇陶瓷大学", "齐齐哈尔大学", "大理石材有限公司"])
    assert words.sizes[words.names == 0].tolist() == [3, 2, 2]
    assert words.sizes[words.names == 1].tolist() == [4, 2]


def test_every_class_of_words_has_its_prices_and_leaving_it_whole_costs_least():
    assert PRICES.shape == (2, 3, len(WordClass))
    assert (PRICES[:, 1] <= PRICES[:, 2]).all()
    assert (PRICES >= 0).all()


def test_questions_that_fit_several_names_are_counted():
    names = [
        Name("济南鲁信机械有限公司", "济南", "鲁信", "机械", "有限公司", "firm"),
        Name("青岛鲁信化工有限公司", "青岛", "鲁信", "化工", "有限公司", "firm"),
        Name("青岛安泰化工有限公司", "青岛", "安泰", "化工", "有限公司", "firm"),
    ]
    asked = [Question("鲁信", frozenset([0])), Question("安泰", frozenset([2]))]
    fitting = [q.fitting for q in counted(asked, names, SHORTENINGS["core (鲁信)"])]
    assert fitting == [2, 1]


def test_the_compiled_loops_follow_the_prices(has_numba, monkeypatch):
    if not has_numba:
        pytest.skip("numba is not installed")
    index = of_rules("西北工业大学", "西安工程学院")
    before = index.search("西工大", compiled=True)
    monkeypatch.setattr(name_index, "PRICES", PRICES + 1)
    after = index.search("西工大", compiled=True)
    assert after == index.search("西工大", compiled=False)
    assert after[0].similarity < before[0].similarity


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
@settings(deadline=None)
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
    manifest.write_text(text.replace('"format": 2', '"format": 0'))
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
    index = NameIndex.build(
        Organisation(str(n), name, (), n * n % 61) for n, name in enumerate(names)
    )
    assert index.search(text, k, compiled=True) == index.search(text, k, compiled=False)


def test_numba_and_numpy_agree_where_lists_are_cut(has_numba, monkeypatch):
    if not has_numba:
        pytest.skip("numba is not installed")
    monkeypatch.setattr(name_index, "POSTINGS", 150)
    monkeypatch.setattr(name_index, "READINGS", 40)
    monkeypatch.setattr(name_index, "LOOKED_AT", 30)
    monkeypatch.setattr(name_index, "CANDIDATES", 7)
    index = NameIndex.build(
        Organisation(str(n), name, (), n * n % 61) for n, name in enumerate(NAMES)
    )
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
