"""What the law says where a contract is silent (domain reference, section 9.3).

Each entry is a note for the people who draft; none of them is a term of the contract.
All texts are paraphrases of articles in force: the Civil Code, and the Supreme
People's Court's interpretation on technology contracts in its version of 2020-12-29.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from marketplace.domain.contracts import Side, class_of
from marketplace.errors import Text
from marketplace.services.contract_contents import ROYALTY_METHODS, parties_of

Silent = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True)
class Default:
    """One legal default.

    Parameters
    ----------
    clause : str
        The clause of the checklist (code list ``contract_clause``) that it stands for.
    source : Text
        The article.
    classes : tuple of str
        Codes of contract classes; ``D*`` stands for D and everything below it.
    silent : callable
        Tells of the contract's values whether the matter is left open.
    """

    clause: str
    source: Text
    text: Text
    classes: tuple[str, ...]
    silent: Silent

    def applies(self, values: Mapping[str, Any]) -> bool:
        """Tell whether the contract is of the class and leaves the matter open."""
        code = values["contract_class"] or ""
        ours = code in self.classes or f"{class_of(code)}*" in self.classes
        return ours and self.silent(values)


def clause_text(values: Mapping[str, Any], code: str) -> str:
    """Return what the contract says under a clause of the checklist."""
    for clause in values["clauses"]:
        if clause["code"] == code:
            return str(clause["text"])
    return ""


def is_settled(values: Mapping[str, Any], code: str) -> bool:
    """Tell whether a clause is agreed on, or marked as not applicable."""
    return any(
        clause["code"] == code
        and (clause["text"] or clause["state"] in {"PRESENT", "NOT_APPLICABLE"})
        for clause in values["clauses"]
    )


def _no_clause(code: str) -> Silent:
    return lambda values: not is_settled(values, code)


def _no_owner(values: Mapping[str, Any]) -> bool:
    said = values["results_ownership"] or values["ip_owner"]
    return not said and not is_settled(values, "RESULTS")


def _no_licence(name: str) -> Silent:
    return lambda values: not (values["licence"] or {}).get(name)


def _no_books(values: Mapping[str, Any]) -> bool:
    royalty = values["payment_method"] in ROYALTY_METHODS
    return royalty and not (values["royalty"] or {}).get("may_inspect_books")


def _patent_unnamed(values: Mapping[str, Any]) -> bool:
    concerned = any(code.startswith("1") for code in values["ip_type"])
    return concerned and not values["rights"]


def _no_commission(values: Mapping[str, Any]) -> bool:
    brokered = bool(values["mediation"] or parties_of(values, Side.BROKER))
    return brokered and (values["commission"] or {}).get("amount_yuan") is None


_CODE = Text("《民法典》第{article}条", "Civil Code, article {article}")
_SPC = Text(
    "最高人民法院技术合同司法解释（2020年修正）第{article}条",
    "SPC interpretation on technology contracts (2020), article {article}",
)
ALL = ("D*", "T*", "L*", "C*", "S*")

DEFAULTS: tuple[Default, ...] = (
    Default(
        "RESULTS",
        _CODE.format(article=859),
        Text(
            "委托开发完成的发明创造，未另行约定的，申请专利的权利属于研究开发人；"
            "研究开发人取得专利权的，委托人可以依法实施该专利；研究开发人转让专利申请权的，"
            "委托人享有以同等条件优先受让的权利",
            "in commissioned development the right to file belongs to the developer;"
            " the client may use the patent and has first refusal",
        ),
        ("D", "D1"),
        _no_owner,
    ),
    Default(
        "RESULTS",
        _CODE.format(article=860),
        Text(
            "合作开发完成的发明创造，未另行约定的，申请专利的权利属于合作开发的当事人共有；"
            "一方转让其共有的专利申请权的，其他各方享有以同等条件优先受让的权利；"
            "一方不同意申请专利的，其他各方不得申请",
            "in cooperative development the right to file is shared, with first"
            " refusal; one objector stops the filing",
        ),
        ("D2",),
        _no_owner,
    ),
    Default(
        "RESULTS",
        _CODE.format(article=861),
        Text(
            "开发完成的技术秘密成果，未另行约定的，在没有相同技术方案被授予专利权前，"
            "当事人均有使用和转让的权利；但委托开发的研究开发人不得在向委托人交付研究开发成果之前，"
            "将研究开发成果转让给第三人",
            "know-how from development may be used and transferred by both, but the"
            " developer may not hand it to a third party before delivery",
        ),
        ("D*",),
        _no_owner,
    ),
    Default(
        "RESULTS",
        _CODE.format(article=885),
        Text(
            "利用委托人提供的技术资料和工作条件完成的新的技术成果，未另行约定的，属于受托人；"
            "委托人利用受托人的工作成果完成的新的技术成果，属于委托人",
            "new results belong to whoever made them",
        ),
        ("C*", "S*"),
        _no_owner,
    ),
    Default(
        "RESULTS",
        _CODE.format(article=847),
        Text(
            "法人或者非法人组织转让职务技术成果时，职务技术成果的完成人享有以同等条件优先受让的权利",
            "when a unit transfers a service result, the people who made it have"
            " first refusal on equal terms",
        ),
        ("T*",),
        _no_owner,
    ),
    Default(
        "IMPROVEMENT",
        _CODE.format(article=875),
        Text(
            "后续改进的技术成果，没有约定或者约定不明确且依法仍不能确定的，"
            "一方后续改进的技术成果，其他各方无权分享",
            "later improvements belong to whoever made them",
        ),
        ("T*", "L*"),
        _no_clause("IMPROVEMENT"),
    ),
    Default(
        "RISK",
        _CODE.format(article=858),
        Text(
            "因出现无法克服的技术困难致使研究开发失败或者部分失败的，没有约定或者约定不明确"
            "且依法仍不能确定的，风险由当事人合理分担",
            "the risk of failure is shared reasonably",
        ),
        ("D*",),
        _no_clause("RISK"),
    ),
    Default(
        "PRICE",
        _CODE.format(article=886),
        Text(
            "受托人正常开展工作所需费用的负担没有约定或者约定不明确的，由受托人负担",
            "the costs of normal work are the provider's",
        ),
        ("C*", "S*"),
        _no_clause("PRICE"),
    ),
    Default(
        "PRICE",
        _CODE.format(article=846),
        Text(
            "约定提成支付的，可以约定查阅有关会计账目的办法；本合同尚未约定",
            "with royalties the parties may agree how books are inspected;"
            " nothing is agreed yet",
        ),
        ALL,
        _no_books,
    ),
    Default(
        "RIGHTS",
        _CODE.format(article=845),
        Text(
            "技术合同涉及专利的，应当注明发明创造的名称、专利申请人和专利权人、申请日期、"
            "申请号、专利号以及专利权的有效期限",
            "a contract that involves a patent states its name, applicant and owner,"
            " filing date, application number, patent number and term",
        ),
        ALL,
        _patent_unnamed,
    ),
    Default(
        "LICENCE_MODE",
        _SPC.format(article=25),
        Text(
            "对专利实施许可方式没有约定或者约定不明确的，认定为普通实施许可",
            "where the mode is not agreed, the licence is an ordinary one",
        ),
        ("L1",),
        _no_licence("mode"),
    ),
    Default(
        "LICENCE_TERM",
        _SPC.format(article=28),
        Text(
            "对实施专利或者使用技术秘密的期限没有约定或者约定不明确的，受让人、被许可人"
            "实施专利或者使用技术秘密不受期限限制",
            "where no term is agreed, the use is not limited in time",
        ),
        ("L1", "L2"),
        _no_licence("until"),
    ),
    Default(
        "MEDIATION",
        _SPC.format(article=39),
        Text(
            "仅在委托人与第三人订立的技术合同中约定中介条款，未约定给付中介人的报酬"
            "或者约定不明确的，应当支付的报酬由委托人和第三人平均承担",
            "a mediation clause without an amount is paid half and half by both sides",
        ),
        ("D*", "T*", "L*", "C*", "S", "S1", "S2"),
        _no_commission,
    ),
    Default(
        "MEDIATION",
        _SPC.format(article=40),
        Text(
            "中介人未促成委托人与第三人订立合同的，不得要求支付报酬，"
            "但可以请求支付从事中介活动支出的必要费用，另有约定的除外",
            "without a deal there is no fee, but necessary costs unless agreed"
            " otherwise",
        ),
        ("S3",),
        _no_clause("PRICE"),
    ),
)


def defaults(values: Mapping[str, Any]) -> list[Default]:
    """Return the legal defaults that fill what a contract leaves open, in order."""
    return [entry for entry in DEFAULTS if entry.applies(values)]


def notes(values: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the drafting notes by clause, in Chinese, with their articles."""
    found: dict[str, list[str]] = {}
    for entry in defaults(values):
        note = f"【起草提示】{entry.source.zh}：{entry.text.zh}。"
        found.setdefault(entry.clause, []).append(note)
    return found
