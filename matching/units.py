"""Read units as firms write them, and tell which figures may be compared.

A unit is written in Latin signs, in Chinese words, or half and half (``千瓦时/t``), in
any case and with any dot. All spellings come down to one canonical sign; what may be
compared with what is then a question of dimension, answered by pint. Scales that no
formula joins (Rockwell and Vickers hardness, decibels, protection grades, money) get
dimensions of their own, so that they are never converted into each other.
"""

import math
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, lru_cache

import pint
from pint.util import UnitsContainer

from matching.text import clean

# Sign, pint expression, SI prefixes in use with it, Chinese names, which take the
# Chinese prefixes for the same powers. A name behind @ is a scale of its own: pint
# lacks it, or would call it a pure number and compare degrees with per cent.
_SI = """
m   | meter     | km dm cm mm μm nm pm | 米
g   | gram      | kg mg μg ng | 克
s   | second    | ms μs ns ps fs | 秒 秒钟
A   | ampere    | kA mA μA nA pA | 安 安培
V   | volt      | MV kV mV μV nV | 伏 伏特
W   | watt      | TW GW MW kW mW μW nW | 瓦 瓦特
Wh  | watt_hour | TWh GWh MWh kWh mWh | 瓦时 瓦小时 瓦·时
J   | joule     | GJ MJ kJ mJ μJ | 焦 焦耳
Ah  | ampere_hour | kAh mAh | 安时 安小时 安·时
N   | newton    | MN kN cN mN μN nN | 牛 牛顿
Pa  | pascal    | GPa MPa kPa hPa mPa μPa | 帕 帕斯卡
bar | bar       | mbar kbar | 巴
Hz  | hertz     | THz GHz MHz kHz mHz | 赫 赫兹
Ω   | ohm       | GΩ MΩ kΩ mΩ μΩ | 欧 欧姆
F   | farad     | mF μF nF pF | 法拉
H   | henry     | mH μH nH | 亨 亨利
S   | siemens   | MS kS mS μS nS | 西门子
T   | tesla     | mT μT nT | 特斯拉
C   | coulomb   | mC μC nC pC | 库仑
K   | kelvin    | mK μK | 开尔文
mol | mole      | kmol mmol μmol nmol | 摩尔
L   | liter     | mL μL nL dL | 升
eV  | electron_volt | GeV MeV keV meV | 电子伏 电子伏特
Da  | dalton    | kDa MDa | 道尔顿
VA  | volt_ampere | MVA kVA | 伏安
var | watt | Mvar kvar | 乏
Wp  | @peak_power | GWp MWp kWp | 峰瓦
cd  | candela   | mcd | 坎德拉
lm  | lumen     | klm mlm | 流明
lx  | lux       | klx mlx | 勒克斯
B   | 8 * @bit | PB TB GB MB kB | 字节
bit | @bit | Tbit Gbit Mbit kbit | 比特
bps | @bit/second | Tbps Gbps Mbps kbps |
Gs  | 1e-4 * tesla | kGs mGs | 高斯
Oe  | 79.57747154594767 * ampere / meter | kOe | 奥斯特
GOe | 7.957747154594767e-3 * joule / meter ** 3 | MGOe | 高奥
P   | poise     | cP | 泊
rad | @angle | mrad μrad | 弧度
Bq  | becquerel | GBq MBq kBq mBq | 贝克勒尔
Sv  | sievert   | mSv μSv | 希沃特
Gy  | gray      | kGy mGy | 戈瑞
FLOPS | @operation/second | EFLOPS PFLOPS TFLOPS GFLOPS |
OPS | @operation/second | POPS TOPS GOPS |
SPS | @sample/second | GSPS MSPS kSPS |
"""

# Sign, pint expression, other spellings. No prefixes.
_PLAIN = """
min | minute | 分钟
h   | hour   | 小时 hr hrs hour hours 钟头
d   | day    | 天 日 day days 昼夜
week | week  | 周 星期 礼拜
month | month | 个月 月
a   | year   | 年 yr year years
t   | metric_ton | 吨 公吨
kgf | kilogram_force | 公斤力 千克力
dtex | dtex | 分特
tex | tex |
mmHg | mmHg | 毫米汞柱
atm | atm | 大气压 标准大气压
cSt | centistokes | 厘斯
mil | thou | 密耳
in  | inch | 英寸 inch inches 吋
ft  | foot | 英尺
Å   | angstrom | 埃
kn  | knot |
cal | calorie | 卡路里
kcal | kilocalorie | 千卡 大卡
hp  | horsepower | 马力
ha  | hectare | 公顷
亩  | 10000 / 15 * meter ** 2 | 畝
M   | mole / liter |
mM  | 1e-3 * mole / liter |
μM  | 1e-6 * mole / liter | uM
nM  | 1e-9 * mole / liter |
pM  | 1e-12 * mole / liter |
Osm | @osmole |
mOsm | 1e-3 * @osmole |
%   | 1e-2 * @ratio | 百分比
‰   | 1e-3 * @ratio | 千分比
ppm | 1e-6 * @ratio |
ppb | 1e-9 * @ratio |
wt% | @mass_percent | %wt 质量% w%
vol% | @volume_percent | %vol v% 体积%
at% | @atom_percent | 原子%
mol% | @mole_percent | 摩尔%
ppmv | @ppm_by_volume |
个百分点 | @percentage_point | 百分点 pct
倍  | @times |
%RH | @relative_humidity | RH%
%FS | @full_scale_percent | %F.S. %F.S F.S.% FS%
%IACS | 0.58e6 * siemens / meter | IACS% IACS
°C  | delta_degree_Celsius | 摄氏度 oC 。C degC
°F  | delta_degree_Fahrenheit | 华氏度 degF
°   | 0.017453292519943295 * @angle | 度 角度 deg
′   | 0.0002908882086657216 * @angle | 角分 弧分 arcmin
″   | 4.84813681109536e-06 * @angle | 角秒 弧秒 arcsec
r   | @rotation | 转 rev 圈
r/min | @rotation / minute | rpm
N·m | newton * meter | Nm NM 牛米 N-m
kN·m | kilonewton * meter | kNm
mN·m | millinewton * meter | mNm
Pa·s | pascal * second | Pas
mPa·s | millipascal * second | mPas mpa·s mpa.s
次  | @cycle | 回 次循环 个循环 循环 周次 模次 cycles cycle 个周期
dB  | @decibel | 分贝
dBm | @decibel_milliwatt |
dBA | @decibel_a | dB(A)
dBi | @decibel_isotropic |
dBc | @decibel_carrier |
HRC | @hardness_rockwell_c |
HRA | @hardness_rockwell_a |
HRB | @hardness_rockwell_b |
HV  | @hardness_vickers |
HB  | @hardness_brinell | HBW
HS  | @hardness_scleroscope |
HK  | @hardness_knoop |
HL  | @hardness_leeb |
Shore A | @hardness_shore_a | ShoreA 邵氏A 邵A 邵尔A HA
Shore D | @hardness_shore_d | ShoreD 邵氏D 邵D 邵尔D HD
IP  | @ingress_protection |
目  | @mesh_number | mesh
级  | @grade |
NTU | @turbidity |
MU  | @mooney |
EU  | @endotoxin |
px  | @pixel | 像素 像元 pixel pixels
帧  | @frame | frames
fps | @frame / second |
dpi | @pixel / inch |
TPS | @transaction / second | QPS RPS
JPH | @count / hour | UPH
gsm | gram / meter ** 2 | GSM
token | @token | tokens 词元
LMH | liter / meter ** 2 / hour |
°Brix | @brix | Brix °Bx
个数量级 | @order_of_magnitude | 数量级
元  | @currency | 人民币元 人民币 RMB CNY 块钱
美元 | @us_dollar | USD
欧元 | @euro | EUR
Nm³ | @normal_cubic_meter | 标方 标立方米 标准立方米
m³  | meter ** 3 | 立方 方
bp  | @base_pair | 碱基对
CFU | @colony |
IU  | @international_unit |
U   | @enzyme_unit | 酶活单位
"""

# Counters (量词) are compared with each other but keep the word the firm chose.
_COUNTED = """
件 个 台 套 项 篇 条 家 名 人 种 款 只 份 批 组 部 座 辆 片 块 根 支 处 张 人次
台套 台/套 台(套) 株 头 颗 粒 枚 艘 架 间 门 栋 场 pcs 路 类 层 遍 滴 幅 通道 个通道
"""

_PREFIXES = {
    "T": "太",
    "G": "吉",
    "M": "兆",
    "k": "千",
    "h": "百",
    "d": "分",
    "c": "厘",
    "m": "毫",
    "μ": "微",
    "n": "纳",
    "p": "皮",
    "f": "飞",
}
# What people type for signs that the rules above do not give.
_SPELLINGS = """
kg | 公斤 KG Kg kgce
km | 公里 KM Km
cm | 公分 CM
nm | 奈米
μs | 微秒 us
mL | 毫升 ml cc
L | 公升 l
kWh | 度电 kW·h Kwh KWh KWH kwh
μm | um
μA | uA
μV | uV
μF | uF
μH | uH
μL | uL ul
μg | ug
μW | uW
μT | uT
μS | uS
μmol | umol
μΩ | uΩ
s | sec
min | mins minutes
MPa | Mpa MPA mpa
GPa | Gpa GPA gpa
kPa | KPa Kpa KPA kpa
Pa | PA pa
MW | Mw
kW | Kw KW kw
mm | MM Mm
mW | mw
MHz | mhz MHZ Mhz
kV | KV kv
kA | KA
mAh | mah maH MAH mAH
kN | Kn KN
kbit | Kb
kB | KB
Mbit | Mb
Gbit | Gb
Ω | ohm Ohm
kΩ | kohm
MΩ | Mohm
Hz | HZ hz
dB | Db DB db
ppm | PPM
t | 吨标准煤 吨标煤 tce
Wh | wh WH
"""
_MULTIPLIERS = {"百": 1e2, "千": 1e3, "万": 1e4, "亿": 1e8}
_POWERS = {"平方": 2, "立方": 3}
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class _Atom:
    """What one sign stands for, in base units."""

    sign: str
    dimension: UnitsContainer
    factor: float


@dataclass(frozen=True, slots=True)
class _Measure:
    """A whole unit: ``base = value * factor + offset``."""

    canonical: str
    dimension: str
    factor: float
    offset: float = 0.0


def _rows(table: str) -> Iterator[list[str]]:
    for line in table.strip().splitlines():
        yield [cell.strip() for cell in line.split("|")]


@cache
def _atoms() -> dict[str, _Atom]:
    """Return every spelling of every single unit.

    The registry is asked once for each unit and then let go, since pint's registries
    are not made for several threads at a time; afterwards there is only arithmetic.
    No lock is needed, and none can be left held by a fork: a race builds the same
    table twice.
    """
    registry: pint.UnitRegistry[float] = pint.UnitRegistry()
    for scale in sorted(set(re.findall(r"@(\w+)", _SI + _PLAIN + "@count"))):
        registry.define(f"scale_{scale} = [{scale}]")
    found: dict[str, _Atom] = {}

    def measure(sign: str, expression: str) -> _Atom:
        quantity = registry.parse_expression(expression.replace("@", "scale_"))
        base = quantity.to_base_units()
        return _Atom(sign, base.dimensionality, float(base.magnitude))

    for sign, expression, prefixed, names in _rows(_SI):
        base = measure(sign, expression)
        found |= dict.fromkeys([sign, *names.split()], base)
        for whole in prefixed.split():
            prefix = whole.removesuffix(sign)
            power = registry.Quantity(1, f"{prefix}m").to("m").magnitude
            scaled = _Atom(whole, base.dimension, base.factor * float(power))
            found[whole] = scaled
            chinese = _PREFIXES.get(prefix)
            found |= {f"{chinese}{name}": scaled for name in names.split() if chinese}
    for sign, expression, names in _rows(_PLAIN):
        atom = measure(sign, expression)
        found |= dict.fromkeys([sign, *names.split()], atom)
    for sign in _COUNTED.split():
        found[sign] = measure(sign, "@count")
    for sign, names in _rows(_SPELLINGS):
        found |= dict.fromkeys(names.split(), found[sign])
    return {clean(spelling): atom for spelling, atom in found.items()}


@cache
def _spellings() -> dict[str, re.Pattern[str]]:
    """Return by its first sign the pattern of one unit.

    It finds the longest spelling, and never half a word.
    """
    words: dict[str, list[str]] = {}
    for spelling in sorted(_atoms(), key=lambda each: (-len(each), each)):
        letters = spelling[-1] in "ΩÅμ" or (
            spelling[-1].isascii() and spelling[-1].isalpha()
        )
        letters = letters or spelling.endswith("°")
        words.setdefault(spelling[0], []).append(
            re.escape(spelling) + ("(?![A-Za-zμΩ])" if letters else "")
        )
    return {first: re.compile("|".join(each)) for first, each in words.items()}


def _spelling(text: str, at: int) -> re.Match[str] | None:
    """Match the spelling of one unit at a place of a text."""
    pattern = _spellings().get(text[at : at + 1])
    return pattern.match(text, at) if pattern else None


@cache
def _any_case() -> dict[str, _Atom]:
    """Return the spellings that mean one thing only, whatever their case."""
    folded: dict[str, set[str]] = {}
    for spelling in _atoms():
        folded.setdefault(spelling.casefold(), set()).add(spelling)
    return {
        key: _atoms()[next(iter(spellings))]
        for key, spellings in folded.items()
        if len(spellings) == 1 and len(key) > 1
    }


_LETTERS = re.compile(r"[A-Za-zμΩ]+")
_POWER_WORD = re.compile("平方|立方")
_EXPONENT = re.compile(
    r"\^\(?(?P<up>[+\-]?[1-9](?:/[1-9])?)\)?(?![0-9.])|(?P<half>1/2)(?![0-9.])"
    r"|(?P<plus>[1-9])(?![0-9.])"
    r"|(?P<bare>-[1-4])(?![0-9.]| ?[A-Za-zμΩ])"
)
_AMOUNT = re.compile(r"[1-9][0-9]{0,3}(?:\.[0-9]{1,3})?|0\.[0-9]{1,3}")
_PRODUCT = re.compile(r" ?[·*×] ?|\.(?=[A-Za-zμΩ])")
# W/m2K and J/g°C leave the dot out.
_RUN_ON = re.compile(r"(?<=[A-Za-z][1-9])(?=[A-Z])|(?<=[A-Za-z])(?=°C)")
# Nobody counts per millikelvin: W/mK is W/(m·K).
_GLUED_PAIR = re.compile("(?:(m|kg|g|mol)([Kk])|(V)(s))(?![A-Za-z])")
_RECIPROCAL = re.compile(r"1?/ ?")
_QUOTIENT = re.compile(r" ?/ ?|每")
# What may make more of a unit that stands alone: a power, a product or a quotient.
_GOES_ON = re.compile(r"[ ·*×./每^\-0-9(]")
_POWER_SIGNS = frozenset(word[0] for word in _POWERS)
# Behind "per", these short words can only be times.
_PER = {"分": "min", "时": "h", "日": "d", "人": "人"}
_LONGEST = 40
# 2A12 and 4J36 are alloys: one letter with a figure behind it is no unit.
_MODEL = re.compile(r"[A-Za-z](?=[0-9]{2})")
# These are held for a time (1.6MPa/5min); a mass or an energy per time is a rate.
_HELD = ("V", "Pa", "N", "°C")
# Electricity is counted in 度 (kWh), and per one of these it is no angle.
_KWH_PER = {
    "[mass]",
    "[length] ** 2",
    "[length] ** 3",
    "[count]",
    "[normal_cubic_meter]",
}
_PER_KWH = {"[currency]", "[mass]", "[us_dollar]"}
_NEVER_A_UNIT = set("0123456789 ,.;:)+-=<>~≥≤±_|!?、。；") | {""}


@cache
def first_signs() -> frozenset[str]:
    """Return the signs with which a unit may begin."""
    letters = f"{string.ascii_letters}μΩ"
    signs = {*_spellings(), *_MULTIPLIERS, *_POWER_SIGNS, *letters, "/"}
    return frozenset(signs - _NEVER_A_UNIT)


class _Reader:
    """Reads one unit at one place of a normalised text, as far as it goes."""

    def __init__(self, text: str, start: int) -> None:
        self.text, self.at, self.end = text[start : start + _LONGEST], 0, 0
        self.factor, self.words = 1.0, ""
        self.parts: list[tuple[_Atom, Fraction]] = []

    def read(self) -> bool:
        """Read a unit; ``end`` is where it stops."""
        if self.text.startswith(" "):
            self.at = 1
        below = bool(match := _RECIPROCAL.match(self.text, self.at))
        if match:
            self.at = match.end()
        else:
            self._multiplier()
        while self._group(-1 if below else 1):
            self.end = self.at
            if match := _QUOTIENT.match(self.text, self.at):
                below = True
            else:
                match = _PRODUCT.match(self.text, self.at)
            if below and not match:
                match = _RUN_ON.match(self.text, self.at)
            if not match:
                break
            self.at = match.end()
        return self.end > 0

    def _multiplier(self) -> None:
        # 千克 is a kilogram, not a thousand grams.
        while not _spelling(self.text, self.at):
            word = self.text[self.at : self.at + 1]
            if word not in _MULTIPLIERS:
                return
            self.factor *= _MULTIPLIERS[word]
            self.words += word
            self.at += 1
            self.end = self.at

    def _group(self, sign: int) -> bool:
        if sign > 0 or not self.text.startswith("(", self.at):
            return self._term(sign)
        before, count = self.at, len(self.parts)
        self.at += 1
        while self._term(sign):
            if self.text.startswith(")", self.at):
                self.at += 1
                return True
            match = _PRODUCT.match(self.text, self.at)
            match = match or _RUN_ON.match(self.text, self.at)
            if not match:
                break
            self.at = match.end()
        self.at = before
        del self.parts[count:]
        return False

    def _term(self, sign: int) -> bool:
        start = self.at
        if match := _POWER_WORD.match(self.text, start):
            after = self._atom(match.end(), sign)
            if after and str(after.dimension) == "[length]":
                self.parts.append((after, Fraction(sign * _POWERS[match.group()])))
                return True
        pair = _GLUED_PAIR.match(self.text, start) if self.parts and sign < 0 else None
        if pair:
            two = (pair[1] or pair[3], (pair[2] or pair[4]).replace("k", "K"))
            self.parts += [(_atoms()[each], Fraction(-1)) for each in two]
            self.at = pair.end()
            return True
        amount = _AMOUNT.match(self.text, start) if self.parts and sign < 0 else None
        if amount and not float(amount.group()):
            amount = None  # Nothing is measured per 0.0 mm.
        atom = self._atom(amount.end() if amount else start, sign)
        atom = atom or self._many(start, sign)
        if not atom:
            self.at = start
            return False
        if amount and self._is_held(atom):
            self.at = start
            return False
        if amount:
            # Widths of test strips and such, as in N/15mm, are part of the unit.
            sized = float(amount.group()) * atom.factor
            atom = _Atom(amount.group() + atom.sign, atom.dimension, sized)
        self.parts.append((atom, sign * self._exponent()))
        return True

    def _many(self, start: int, sign: int) -> _Atom | None:
        """Read a multiplier below the stroke, as in t/万元."""
        word = self.text[start : start + 1]
        if sign > 0 or not self.parts or word not in _MULTIPLIERS:
            return None
        one = self._atom(start + 1, sign)
        if not one:
            return None
        return _Atom(word + one.sign, one.dimension, one.factor * _MULTIPLIERS[word])

    def _is_held(self, atom: _Atom) -> bool:
        """Tell a time for which something is held from the time of a rate."""
        above = UnitsContainer({})
        for part, power in self.parts:
            above *= part.dimension ** float(power)
        held = any(above == _atoms()[sign].dimension for sign in _HELD)
        return held and str(atom.dimension) == "[time]"

    def _exponent(self) -> Fraction:
        last = self.text[self.at - 1]
        if not (last in "ΩÅ" or (last.isascii() and last.isalpha())):
            return Fraction(1)
        match = _EXPONENT.match(self.text, self.at)
        if not match:
            return Fraction(1)
        self.at = match.end()
        return Fraction(match["up"] or match["half"] or match["plus"] or match["bare"])

    def _atom(self, at: int, sign: int) -> _Atom | None:
        if match := _spelling(self.text, at):
            self.at = match.end()
            return _atoms()[match.group()]
        if sign < 0 and (atom := _atoms().get(_PER.get(self.text[at : at + 1], ""))):
            self.at = at + 1
            return atom
        match = _LETTERS.match(self.text, at)
        if match and (atom := _any_case().get(match.group().casefold())):
            self.at = match.end()
            return atom
        return None

    def _count_electricity(self) -> None:
        """Read 度 as kWh where it is the amount that something costs or yields."""
        if len(self.parts) != 2 or "度" not in self.text[: self.end]:
            return
        (upper, one), (lower, other) = self.parts
        if one != 1 or other >= 0:
            return
        angle, energy = _atoms()["°"], _atoms()["kWh"]
        above = str(upper.dimension)
        below = str(lower.dimension ** float(-other))
        if upper == angle and below in _KWH_PER:
            upper = energy
        elif lower == angle and above in _PER_KWH:
            lower = energy
        self.parts = [(upper, one), (lower, other)]

    def measure(self) -> _Measure:
        """Put the parts together."""
        name = self.canonical()
        dimension, factor = UnitsContainer({}), self.factor
        for atom, power in self.parts:
            exponent = int(power) if power.denominator == 1 else float(power)
            dimension *= atom.dimension**exponent
            factor *= atom.factor ** float(power)
        return _Measure(name, str(dimension) if self.parts else "", factor)

    def canonical(self) -> str:
        """Write the parts in the one way."""
        if not self.parts:
            return self.words
        self._count_electricity()
        above: list[str] = []
        below: list[str] = []
        for atom, power in self.parts:
            raised = str(abs(power)).translate(_RAISED) if abs(power) != 1 else ""
            if power.denominator != 1:
                raised = f"^{abs(power)}"
            (above if power > 0 else below).append(atom.sign + raised)
        name = self.words + ("·".join(above) or "1")
        if below:
            name += f"/({'·'.join(below)})" if len(below) > 1 else f"/{below[0]}"
        return name


_OFFSETS = {"°C": 273.15, "°F": 255.3722222222222}


@lru_cache(maxsize=4096)
def _measure(unit: str) -> _Measure | None:
    words = clean(unit)
    words = words[1:-1] if re.fullmatch(r"\([^()]*\)", words) else words
    if not words:
        return _Measure("", "", 1.0)
    reader = _Reader(words, 0)
    if len(words) > _LONGEST or not reader.read() or reader.end < len(words):
        return None
    found = reader.measure()
    if not 0.0 < found.factor < math.inf:
        return None
    return replace(found, offset=_OFFSETS.get(found.canonical, 0.0))


def scan(text: str, start: int) -> tuple[str, int] | None:
    """Read the unit that stands at a place of a running text.

    Parameters
    ----------
    text : str
        Normalised text, see :func:`matching.text.normalise`.
    start : int
        Where the figure before it ends. One blank may part the two.

    Returns
    -------
    tuple of (str, int) or None
        The canonical unit and the place where it ends, or None when there is none.
    """
    first = start + text.startswith(" ", start)
    sign = text[first : first + 1]
    if sign not in first_signs() or _MODEL.match(text, first):
        return None
    alone = _spelling(text, first) if sign not in _POWER_SIGNS else None
    if alone and not _GOES_ON.match(text, alone.end()):
        return _atoms()[alone.group()].sign, alone.end()
    reader = _Reader(text, start)
    return (reader.canonical(), start + reader.end) if reader.read() else None


def canonical(unit_text: str) -> str:
    """Return the one spelling of a unit.

    Parameters
    ----------
    unit_text : str
        In any spelling. Multipliers in front (万元, 亿次) stay.

    Returns
    -------
    str
        Empty when there is no unit; the text itself when it is not known.

    Examples
    --------
    >>> canonical("兆帕"), canonical("瓦/(米·开尔文)"), canonical("转每分")
    ('MPa', 'W/(m·K)', 'r/min')
    """
    found = _measure(unit_text)
    return found.canonical if found else unit_text


def dimension(unit: str) -> str:
    """Return what kind of quantity a unit measures.

    Parameters
    ----------
    unit : str
        In any spelling.

    Returns
    -------
    str
        pint's dimensionality, such as ``[mass] / [length] / [time] ** 2``. A pure
        number has none, so its answer is empty. Units of equal dimension, and only
        these, are comparable; an unknown unit is comparable with itself.
    """
    found = _measure(unit)
    return found.dimension if found else f"[{clean(unit)}]"


def convert(
    value: float, from_unit: str, to_unit: str, *, difference: bool = False
) -> float | None:
    """Express a figure in another unit.

    Parameters
    ----------
    value : float
        The figure, in ``from_unit``.
    from_unit, to_unit : str
        In any spelling.
    difference : bool, default=False
        Whether a temperature is a difference or a tolerance, for which the zero
        points of the scales do not count.

    Returns
    -------
    float or None
        The figure in ``to_unit``; None when the two cannot be compared.
    """
    if canonical(from_unit) == canonical(to_unit):
        return value
    source, target = _measure(from_unit), _measure(to_unit)
    if source is None or target is None or source.dimension != target.dimension:
        return None
    shift = 0.0 if difference else source.offset - target.offset
    result = (value * source.factor + shift) / target.factor
    # Conversion must not turn 0.6 GPa into a hair less than 600 MPa.
    return float(f"{result:.12g}")
