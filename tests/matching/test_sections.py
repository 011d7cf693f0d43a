"""What a form says of the firm and the benefits is not searched; the rest is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching import Matcher, Posting
from matching.sections import substance

NEED = "高强铝合金板材轧制，抗拉强度不足"
FIRM = "我公司成立于1998年，是国家高新技术企业，产品远销海外"


@pytest.mark.parametrize(
    "text",
    [
        f"技术需求：{NEED}。企业简介：{FIRM}。",
        f"{NEED}\n公司简介\n{FIRM}",
        f"{NEED}。\n二、预期经济效益：{FIRM}",
        f"（一）公司概况：{FIRM}。\n（二）技术难题：{NEED}。",
        f"【企业基本情况】{FIRM}\n【技术要求】{NEED}",
        f"1. 技术指标：{NEED}；\n2. 预期目标（创新性、经济社会效益）：{FIRM}",
    ],
)
def test_sections_about_the_firm_and_the_benefits_are_left_out(text):
    left = substance(text)
    assert NEED in left
    assert FIRM not in left


@pytest.mark.parametrize(
    "text",
    [
        NEED,
        f"企业简介：{FIRM}",
        "",
        "提高经济效益和社会效益的铝合金轧制技术",
        "具有良好的市场前景，公司简介见附件",
        "联系方式",
    ],
)
def test_a_text_without_such_sections_or_without_others_stays_whole(text):
    assert substance(text) == text


@given(st.text(alphabet="企业简介技术需求：:。\n 一、（）【】铝a1", max_size=60))
def test_only_whole_stretches_go_and_something_is_always_left(text):
    left = substance(text)
    assert bool(left.strip()) == bool(text.strip())
    rest = iter(text)
    assert all(sign in rest for sign in left)


def test_praise_of_the_firm_does_not_decide():
    offers = [
        Posting(id="answer", text="铝合金板材轧制工艺"),
        Posting(id="praise", text="产品远销海外的国家高新技术企业成立于1998年"),
    ]
    matcher = Matcher.build(offers)
    form = Posting(id="q", text=f"技术需求：{NEED}。\n企业简介：{FIRM}。")
    assert matcher.rank(form)[0].id == "answer"
    run_together = Posting(id="q", text=f"{NEED}，{FIRM}")
    assert matcher.rank(run_together)[0].id == "praise"
