"""Make a million names of organisations, and write them as people do.

The names are real ones, read from lists, and invented firms and institutes: place,
core, trade and legal form, each drawn with the proportions of a Chinese register of
firms. The ways to damage and to shorten a name are written after what people do,
without regard to how the index reads them.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Final

from matching.benchmarks.known_short_forms import SHORT_FORMS, UNSEEN_SHORT_FORMS
from matching.organisations.words import listed, name_key

PROVINCES: Final = listed(
    "北京 天津 河北 山西 内蒙古 辽宁 吉林 黑龙江 上海 江苏 浙江 安徽 福建 江西 山东 "
    "河南 湖北 湖南 广东 广西 海南 重庆 四川 贵州 云南 西藏 陕西 甘肃 青海 宁夏 新疆"
)
"""First-level divisions as names of firms have them."""

COUNTIES: Final = listed(
    "章丘 平阴 商河 胶州 平度 莱西 即墨 桓台 高青 沂源 滕州 广饶 利津 龙口 莱阳 莱州 "
    "招远 栖霞 海阳 青州 诸城 寿光 安丘 高密 昌邑 临朐 昌乐 曲阜 邹城 兖州 微山 鱼台 "
    "金乡 嘉祥 汶上 泗水 梁山 新泰 肥城 宁阳 东平 荣成 乳山 文登 五莲 莒县 沂南 郯城 "
    "沂水 兰陵 平邑 蒙阴 临沭 齐河 禹城 乐陵 临邑 夏津 临清 高唐 茌平 阳谷 东阿 冠县 "
    "莘县 邹平 博兴 惠民 无棣 阳信 巨野 郓城 单县 曹县 成武 东明 定陶 昆山 常熟 "
    "张家港 太仓 江阴 宜兴 丹阳 句容 扬中 靖江 泰兴 兴化 启东 如皋 海门 海安 溧阳 "
    "邳州 新沂 沭阳 东台 仪征 高邮 慈溪 余姚 宁海 象山 义乌 东阳 永康 武义 浦江 诸暨 "
    "嵊州 新昌 海宁 桐乡 平湖 嘉善 海盐 德清 长兴 安吉 乐清 瑞安 永嘉 平阳 苍南 温岭 "
    "玉环 临海 天台 仙居 富阳 临安 桐庐 建德 晋江 石狮 南安 惠安 安溪 福清 长乐 闽侯 "
    "龙海 福安 福鼎 顺德 南海 三水 高明 开平 台山 鹤山 恩平 四会 博罗 惠东 增城 从化 "
    "普宁 揭东 三河 霸州 任丘 河间 泊头 黄骅 迁安 遵化 辛集 晋州 新乐 定州 涿州 "
    "高碑店 安国 武安 沙河 清河 巩义 荥阳 新郑 登封 新密 禹州 长葛 偃师 沁阳 孟州 "
    "长垣 林州 项城 永城 汝州 舞钢 枣阳 老河口 宜都 枝江 大冶 汉川 应城 天门 仙桃 "
    "潜江 浏阳 宁乡 醴陵 湘乡 汨罗 资兴 丰城 樟树 高安 瑞金 贵溪 乐平 巢湖 肥西 肥东 "
    "桐城 天长 明光 宁国 无为 都江堰 彭州 崇州 简阳 广汉 什邡 绵竹 江油 峨眉山 "
    "瓦房店 庄河 海城 大石桥 盖州 公主岭 梅河口 敦化 双城 肇东 府谷 神木 韩城 兴平 "
    "灵武 石河子"
)
"""Counties and county towns with many firms."""

_CORE_CHARS: Final = (
    "华信达金鑫盛泰安德瑞宏大天海恒通兴和丰顺源正新隆嘉宝诚利康明永美博光东润祥凯"
    "亿创科联中龙富万长元百佳众国成汇益鼎卓力优方益星建航云远腾智易维特飞盈昌辉胜"
    "翔汉森尚世纪洋鸿福圣晟昊铭旭银茂亚欧豪荣晨帝王君欣怡雅悦景峰林江河山湖川泽沃"
    "田禾绿青蓝红紫玉珠晶石铁钢铜铝锐锋奥赛迪伟业邦威雷电子格朗普拓展启迈步合聚团"
    "亨裕庆吉贝尔斯克莱曼洛卡帕罗艾伊诺思哲惠慧敏捷速跃超越强坚固牢城都京沪粤鲁苏"
    "浙皖闽赣湘鄂豫冀晋秦陇蜀滇黔桂琼辽鹏程骏马虎凤凰鹤燕雁麒麟松柏竹梅兰菊荷莲桐"
    "枫杉楠榕柳桦春夏秋冬晓晖阳曦"
)
_TRADES: Final = listed(
    "科技 商贸 贸易 机械 电子 新材料 实业 建材 化工 食品 环保 机电 信息技术 工程 "
    "生物科技 智能科技 网络科技 电气 汽车配件 农业 医疗器械 生物技术 软件 新能源 "
    "精密机械 装备 电器 塑料 五金 包装 纺织 服饰 家具 印刷 物流 装饰工程 建筑工程 "
    "文化传媒 教育科技 医药 药业 制药 钢铁 金属制品 铸造 模具 仪器仪表 自动化 光电 "
    "半导体 通信技术 数据科技 节能环保 水处理 化学 涂料 橡胶 陶瓷 玻璃 水泥 矿业 "
    "能源 电力设备 电缆 轴承 阀门 泵业 重工 船舶 航空科技 轨道交通 工业设备 电梯 "
    "制冷设备 压缩机 液压 激光 机器人 传感技术 种业 畜牧 饲料 水产 粮油 乳业 酒业 "
    "饮料 茶业 果蔬 生态农业 园林 纸业 皮革 鞋业 针织 印染 化纤 碳纤维 复合材料 "
    "合金材料 稀土 磁材 石墨 催化剂 检测技术 技术服务 咨询 知识产权 投资 置业 "
    "供应链管理 电子商务"
)
_SECOND_TRADES: Final = listed(
    "科技 技术 制造 设备 工程 发展 股份 材料 制品 销售 服务 开发 工业 产业 装备 系统"
)
_FORMS: Final = {
    "有限公司": 780,
    "有限责任公司": 60,
    "股份有限公司": 60,
    "集团有限公司": 30,
    "厂": 20,
    "专业合作社": 25,
    "经营部": 15,
    "合伙企业（有限合伙）": 10,
}
_FIELDS: Final = listed(
    "农业科学 林业科学 畜牧兽医 水产 农业机械 机械工程 化工 新材料 先进制造 智能制造 "
    "信息技术 人工智能 大数据 生物技术 生物医药 中医药 医学科学 药物 环境保护 "
    "环境科学 海洋 水利 建筑科学 交通 公路 铁道 电力 能源 煤炭 石油 地质 测绘 冶金 "
    "有色金属 轻工 纺织 食品 标准化 计量 质量技术监督 特种设备 社会科学 教育科学 "
    "体育科学 文物考古 工业技术 光电 半导体 集成电路 机器人 新能源汽车 氢能 碳中和 "
    "现代农业 盐碱地 蔬菜 果树 小麦 茶叶"
)
_INSTITUTES: Final = {
    "研究院": 30,
    "研究所": 30,
    "技术研究院": 12,
    "产业技术研究院": 8,
    "设计研究院": 6,
    "研究中心": 8,
    "工程技术研究中心": 4,
    "检测中心": 5,
    "推广中心": 4,
    "学会": 5,
    "协会": 8,
    "学校": 4,
    "医院": 3,
}
_UNIVERSITY_TYPES: Final = listed(
    "高等专科学校 职业技术学院 职业学院 专科学校 大学 学院 学校"
)

ALIKE: Final = listed(
    "信新欣鑫心 华化花 达大 宏鸿洪红 盛胜圣晟 泰太 瑞睿锐 恒衡 通同桐 丰峰锋风 顺舜 "
    "源元原圆 隆龙 嘉佳家加 诚成城程 利力立丽 康慷 明铭名鸣 永勇 美梅 博勃 光广 润闰 "
    "祥翔 凯恺 创闯 联连 富福 汇惠慧 益易亿艺 鼎顶 优友 星兴 建健 云运 远院 腾藤 "
    "智志致 维威伟 特忒 飞非 辉晖 洋阳扬 旭绪 茂贸 亚雅 材才 科克 技济 机基 械戒 "
    "电店 子紫 工公 程成 学雪 研严 究久 业叶"
)
"""Characters that sound alike, a group each."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name with its parts, where they are known.

    Attributes
    ----------
    text : str
    place, core, trade, form : str
        Empty where the name has no such part. A university has no core, its trade is
        what stands between place and kind.
    kind : str
        ``firm``, ``institute``, ``university`` or ``written``, of which no parts are
        known.
    """

    text: str
    place: str = ""
    core: str = ""
    trade: str = ""
    form: str = ""
    kind: str = "written"


class _Drawn:
    """A list to draw from, by weight."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self.values = list(weights)
        self.totals = list(accumulate(weights.values()))

    def draw(self, random: Random) -> str:
        return random.choices(self.values, cum_weights=self.totals)[0]


def _falling(values: Sequence[str], steepness: float) -> _Drawn:
    """Weigh values by their rank, as words fall off in any real list."""
    unique = dict.fromkeys(values)
    return _Drawn({v: 1 / (rank + steepness) for rank, v in enumerate(unique)})


def read_names(directory: Path) -> list[Name]:
    """Read the real names: universities, institutions as written, listed firms.

    Parameters
    ----------
    directory : Path
        Holds ``universities_cn.csv`` (name, city), ``institution_names_as_written.csv``
        (name_as_written, projects) and ``listed_companies_cn.csv`` (short_name).

    Returns
    -------
    list of Name
        Each once by its folded name. Of listed firms only the short names of their
        shares are known, and they get the legal form. Names that are short forms in
        `matching.benchmarks.known_short_forms` are left out, for they would be their
        own answers. The official names of its lists are all there.
    """
    places = sorted({*PROVINCES, *cities(directory)}, key=lambda p: (-len(p), p))
    known = {**SHORT_FORMS, **UNSEEN_SHORT_FORMS}
    found: dict[str, Name] = {}
    for text in _column(directory / "universities_cn.csv", "name"):
        found.setdefault(name_key(text), _university(text, places))
    others = [
        *(full.split("|")[0] for full in known.values()),
        *_column(directory / "institution_names_as_written.csv", "name_as_written"),
        *map(_listed, _column(directory / "listed_companies_cn.csv", "short_name")),
    ]
    for text in others:
        found.setdefault(name_key(text), Name(text))
    for short in known:
        found.pop(short, None)
    found.pop("", None)
    return list(found.values())


def read_counts(directory: Path) -> dict[str, int]:
    """Return how often real organisations are named, by their names.

    Parameters
    ----------
    directory : Path
        As for `read_names`. Counted are the projects of
        ``institution_names_as_written.csv``; firms that are listed count once.
    """
    listed_firms = map(
        _listed, _column(directory / "listed_companies_cn.csv", "short_name")
    )
    counts = dict.fromkeys(listed_firms, 1)
    path = directory / "institution_names_as_written.csv"
    written = _column(path, "name_as_written")
    for text, times in zip(written, _column(path, "projects"), strict=True):
        counts[text] = max(counts.get(text, 0), int(times))
    return counts


def cities(directory: Path) -> dict[str, int]:
    """Return the cities of the universities without 市, with how many there are."""
    counts: dict[str, int] = {}
    for text in _column(directory / "universities_cn.csv", "city"):
        city = "".join(text.split()).removesuffix("市")
        if 2 <= len(city) <= 4 and city not in PROVINCES:
            counts[city] = counts.get(city, 0) + 1
    return counts


def _column(path: Path, name: str) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [row[name].strip() for row in csv.DictReader(file)]


def _listed(short: str) -> str:
    """Return a name of a firm: the short name of its shares with the legal form."""
    return name_key(short).removesuffix("股份") + "股份有限公司"


def _university(text: str, places: Sequence[str]) -> Name:
    key = name_key(text)
    form = next((f for f in _UNIVERSITY_TYPES if key.endswith(f)), "")
    stem = key.removesuffix(form)
    place = next((p for p in places if stem.startswith(p)), "")
    if not form or not stem or key != text:
        return Name(text)
    rest = stem.removeprefix(place)
    return Name(text, place, "", rest, form, "university")


class Inventor:
    """Draw names of firms and institutes.

    Parameters
    ----------
    directory : Path
        As for `read_names`; its cities are drawn by their number of universities.
    random : Random
    """

    def __init__(self, directory: Path, random: Random) -> None:
        self.random = random
        weights: dict[str, float] = dict.fromkeys(PROVINCES, 10.0)
        for city, count in cities(directory).items():
            weights[city] = weights.get(city, 0) + 3.0 + count
        for county in COUNTIES:
            weights[county] = weights.get(county, 0) + 2.0
        self.places = _Drawn(weights)
        self.chars = _falling(_CORE_CHARS, 40)
        self.trades = _falling(_TRADES, 4)
        self.seconds = _falling(_SECOND_TRADES, 4)
        self.forms = _Drawn(_FORMS)
        self.fields = _falling(_FIELDS, 20)
        self.institutes = _Drawn(_INSTITUTES)

    def firm(self) -> Name:
        """Draw a firm: mostly place, core, trade and legal form, in this order."""
        random = self.random
        place = self.places.draw(random)
        length = random.choices((2, 3, 4), (60, 27, 13))[0]
        core = "".join(self.chars.draw(random) for _ in range(length))
        trade = self.trades.draw(random)
        if random.random() < 0.35:
            second = self.seconds.draw(random)
            trade += second if second[0] not in trade else ""
        form = self.forms.draw(random)
        shown = place
        if place not in PROVINCES and random.random() < 0.2:
            shown += "县" if place in COUNTIES and random.random() < 0.4 else "市"
        style = random.random()
        if style < 0.85:
            text = shown + core + trade + form
        elif style < 0.93:
            text = f"{core}（{place}）{trade}{form}"
        else:
            text, place = core + trade + form, ""
        return Name(text, place, core, trade, form, "firm")

    def institute(self) -> Name:
        """Draw an institute: place, field and kind."""
        random = self.random
        place, field = self.places.draw(random), self.fields.draw(random)
        form = self.institutes.draw(random)
        shown = place
        if random.random() < 0.5:
            shown += "省" if place in PROVINCES else "市"
        text = shown + field + form
        return Name(text, place, "", field, form, "institute")


def make_names(directory: Path, count: int, *, seed: int = 1) -> list[Name]:
    """Return real names, filled up with invented ones.

    Parameters
    ----------
    directory : Path
        See `read_names`.
    count : int
        How many names there shall be, all different when folded.
    seed : int, default=1
        The same seed makes the same names.
    """
    names = read_names(directory)[:count]
    seen = {name_key(name.text) for name in names}
    inventor = Inventor(directory, Random(seed))  # noqa: S311 (nothing secret)
    while len(names) < count:
        is_firm = inventor.random.random() < 0.95
        name = inventor.firm() if is_firm else inventor.institute()
        key = name.text.replace("（", "").replace("）", "")
        if key not in seen:
            seen.add(key)
            names.append(name)
    return names


Way = Callable[[Name, Random], str]
"""Writes a name in another way; an empty text where it does not apply."""

_STRAY: Final = "新大中和天金华国安东海山科工业产城市北南西上下一三力方学生长"


def _wrong(name: Name, random: Random) -> str:
    at = random.randrange(len(name.text))
    return name.text[:at] + random.choice(_STRAY) + name.text[at + 1 :]


def _alike(name: Name, random: Random) -> str:
    text = name.text
    options = [
        (at, other)
        for at, char in enumerate(text)
        for group in ALIKE
        if char in group
        for other in group
        if other != char
    ]
    if not options:
        return ""
    at, other = random.choice(options)
    return text[:at] + other + text[at + 1 :]


def _missing(name: Name, random: Random) -> str:
    at = random.randrange(len(name.text))
    return name.text[:at] + name.text[at + 1 :]


def _extra(name: Name, random: Random) -> str:
    at = random.randrange(len(name.text) + 1)
    char = random.choice(name.text[max(0, at - 1) : at + 1] + _STRAY[:3])
    return name.text[:at] + char + name.text[at:]


def _turned(name: Name, random: Random) -> str:
    at = random.randrange(len(name.text) - 1)
    text = name.text
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _place_after(name: Name, random: Random) -> str:
    before = name.core or name.trade
    after = name.trade if name.core else ""
    if not name.place or not before:
        return ""
    if name.text.startswith(before):
        return name.place + before + after + name.form
    place = f"（{name.place}）" if random.random() < 0.5 else name.place
    if random.random() < 0.3:
        return before + after + name.form + place
    return before + place + after + name.form


def _without_place(name: Name, _random: Random) -> str:
    kept = name.core + name.trade + name.form
    return kept if name.place and (name.core or name.trade) else ""


def _without_form(name: Name, random: Random) -> str:
    if name.kind != "firm":
        return ""
    return name.text.replace(name.form, "公司" if random.random() < 0.4 else "")


def _without_trade(name: Name, _random: Random) -> str:
    if not (name.core and name.place):
        return ""
    return name.text.replace(name.trade, "")


DAMAGES: Final[Mapping[str, Mapping[str, Way]]] = {
    "typos": {
        "wrong character": _wrong,
        "character of like sound": _alike,
        "missing character": _missing,
        "extra character": _extra,
        "characters turned round": _turned,
    },
    "swapped": {"place elsewhere": _place_after},
    "dropped": {
        "without place": _without_place,
        "without legal form": _without_form,
        "without trade": _without_trade,
    },
}
"""Ways to damage a name, by kind."""


def _firsts(words: Sequence[str]) -> str:
    return "".join(word[0] for word in words if word)


def _twos(text: str) -> list[str]:
    """Cut a run of characters into words of two, as most Chinese words are."""
    return [text[at : at + 2] for at in range(0, len(text), 2)]


def _kind(name: Name) -> str:
    """Return how the kind of a body is shortened: 大 for 大学, 所 for 研究所."""
    if name.form[-1] in "院所校":
        return name.form[-1]
    return name.form[0] if name.form == "大学" else name.form[-2:]


def _initials(name: Name, _random: Random) -> str:
    if name.kind not in {"university", "institute"} or not name.trade:
        return ""
    return _firsts([name.place, *_twos(name.trade)]) + _kind(name)


def _two_ends(name: Name, _random: Random) -> str:
    if name.form != "大学" or len(name.place + name.trade) > 3:
        return ""
    return (name.place or name.trade)[0] + "大"


def _place_and_initials(name: Name, _random: Random) -> str:
    if name.kind not in {"university", "institute"} or not (name.place and name.trade):
        return ""
    return name.place + _firsts(_twos(name.trade)) + _kind(name)


def _without_kind(name: Name, _random: Random) -> str:
    if name.kind != "university" or not (name.place and name.trade):
        return ""
    return name.place + name.trade


def _initial_and_field(name: Name, _random: Random) -> str:
    if name.kind != "university" or not name.place or len(name.trade) != 2:
        return ""
    return name.place[0] + name.trade


def _core(name: Name, _random: Random) -> str:
    return name.core


def _place_and_core(name: Name, _random: Random) -> str:
    return name.place + name.core if name.place and name.core else ""


def _core_and_trade(name: Name, _random: Random) -> str:
    return name.core + name.trade[:2] if name.core else ""


def _core_and_kind(name: Name, _random: Random) -> str:
    if not name.core:
        return ""
    if "公司" not in name.form:
        return name.core + (name.form if len(name.form) < 4 else "")
    return name.core + ("集团" if name.form.startswith("集团") else "公司")


def _initial_core(name: Name, _random: Random) -> str:
    return name.place[0] + name.core if name.place and name.core else ""


SHORTENINGS: Final[Mapping[str, Way]] = {
    "initials (山科大)": _initials,
    "place and kind (山大)": _two_ends,
    "place and initials (山东科大)": _place_and_initials,
    "without kind (山东科技)": _without_kind,
    "initial and field (南理工)": _initial_and_field,
    "core (鲁信)": _core,
    "place and core (济南鲁信)": _place_and_core,
    "core and trade (鲁信新材)": _core_and_trade,
    "core and kind (鲁信公司)": _core_and_kind,
    "initial of place and core (济鲁信)": _initial_core,
}
"""Ways to shorten a name, after the habits of firms and of universities."""


def questions(
    names: Sequence[Name], way: Way, held: set[str], random: Random
) -> Iterator[tuple[int, str]]:
    """Yield names, by number, with what somebody wrote for them, for ever.

    What is, folded, another name that is held, or nothing, is passed over.
    """
    while True:
        number = random.randrange(len(names))
        text = way(names[number], random)
        if len(name_key(text)) > 1 and name_key(text) not in held:
            yield number, text
