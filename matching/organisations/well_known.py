"""What everybody knows of organisations, and no rule yields.

`WELL_KNOWN` holds short forms that the bodies themselves, their alumni and the press
use. They take characters that the name has not (成电), take them out of order, or fit
another body, too, by every rule (国科大 might be 国防科技大学). Short forms that follow
a rule do not belong here.

`PROMINENT` says which universities are likelier meant by a short form that fits
several. It holds those of two lists that the Ministry of Education has published: of
the universities of Project 985, and of the second round of 双一流 (2022).
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

_LINES: Final = """
电子科技大学 成电
西安电子科技大学 西电 西军电
杭州电子科技大学 杭电
中国科学院大学 国科大
华南理工大学 华工
大连理工大学 大工
昆明理工大学 昆工
北京化工大学 北化
北京科技大学 北科 北钢院
哈尔滨工程大学 哈船院
对外经济贸易大学 贸大 外经贸大
中国政法大学 法大
中国美术学院 国美
中国音乐学院 国音
中国戏曲学院 国戏
西交利物浦大学 西浦
香港中文大学 港中文
香港中文大学（深圳） 港中深
中国空间技术研究院 航天五院
中国运载火箭技术研究院 航天一院
上海航天技术研究院 航天八院
中国工程物理研究院 九院
中国科学院大连化学物理研究所 大化所
中国科学院长春光学精密机械与物理研究所 长光所
中国电子科技集团公司第十四研究所 14所 电科14所
中国电子科技集团公司第三十八研究所 38所 电科38所
中国电子科技集团公司第五十五研究所 55所 电科55所
中国人民解放军总医院 301医院
北京大学第三医院 北医三院
北京大学第一医院 北大医院
郑州大学第一附属医院 郑大一附院
国家电网有限公司 国网
国家电网公司 国网
中国核工业集团有限公司 中核
中国石油天然气集团有限公司 中石油
中国石油天然气股份有限公司 中石油
东风汽车集团有限公司 二汽
潍柴动力股份有限公司 潍柴
"""

WELL_KNOWN: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        name: tuple(forms)
        for name, *forms in (line.split() for line in _LINES.strip().splitlines())
    }
)
"""Short forms by official name."""

_PROJECT_985: Final = """
清华大学 北京大学 中国人民大学 北京航空航天大学 北京理工大学 北京师范大学 中国农业大学
中央民族大学 南开大学 天津大学 大连理工大学 东北大学 吉林大学 哈尔滨工业大学 复旦大学
同济大学 上海交通大学 华东师范大学 南京大学 东南大学 浙江大学 中国科学技术大学 厦门大学
山东大学 中国海洋大学 武汉大学 华中科技大学 湖南大学 中南大学 国防科技大学 中山大学
华南理工大学 四川大学 电子科技大学 重庆大学 西安交通大学 西北工业大学 西北农林科技大学
兰州大学
"""

_DOUBLE_FIRST_CLASS: Final = """
北京交通大学 北京工业大学 北京科技大学 北京化工大学 北京邮电大学 北京林业大学
北京协和医学院 北京中医药大学 首都师范大学 北京外国语大学 中国传媒大学 中央财经大学
对外经济贸易大学 外交学院 中国人民公安大学 北京体育大学 中央音乐学院 中国音乐学院
中央美术学院 中央戏剧学院 中国政法大学 天津工业大学 天津医科大学 天津中医药大学
华北电力大学 河北工业大学 山西大学 太原理工大学 内蒙古大学 辽宁大学 大连海事大学
延边大学 东北师范大学 哈尔滨工程大学 东北农业大学 东北林业大学 华东理工大学 东华大学
上海海洋大学 上海中医药大学 上海外国语大学 上海财经大学 上海体育学院 上海体育大学
上海音乐学院 上海大学 上海科技大学 苏州大学 南京航空航天大学 南京理工大学 中国矿业大学
中国矿业大学（北京） 南京邮电大学 河海大学 江南大学 南京林业大学 南京信息工程大学
南京农业大学 南京医科大学 南京中医药大学 中国药科大学 南京师范大学 中国美术学院 宁波大学
安徽大学 合肥工业大学 福州大学 南昌大学 中国石油大学（北京） 中国石油大学（华东）
中国石油大学 郑州大学 河南大学 中国地质大学（武汉） 中国地质大学（北京） 中国地质大学
武汉理工大学 华中农业大学 华中师范大学 中南财经政法大学 湘潭大学 湖南师范大学 暨南大学
广州医科大学 广州中医药大学 华南师范大学 南方科技大学 华南农业大学 海南大学 广西大学
西南交通大学 西南石油大学 成都理工大学 四川农业大学 成都中医药大学 西南大学 西南财经大学
贵州大学 云南大学 西藏大学 西北大学 西安电子科技大学 长安大学 陕西师范大学 空军军医大学
海军军医大学 青海大学 宁夏大学 新疆大学 石河子大学 中国科学院大学
"""

PROMINENT: Final[Mapping[str, int]] = MappingProxyType(
    dict.fromkeys(_DOUBLE_FIRST_CLASS.split(), 20)
    | dict.fromkeys(_PROJECT_985.split(), 60)
)
"""How often at least an organisation counts as named, by its official name."""
