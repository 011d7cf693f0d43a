"""What stands on the papers of a contract, before any of them is a file.

The functions here turn a ``Record`` into plain dictionaries of finished texts: the
draft 合同草案, the data sheet 合同数据表, the certificate 登记证明. What is not known
is a blank to fill in by hand. The texts are Chinese, as the papers are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marketplace.domain.contracts import (
    CLASSES,
    REGISTRABLE,
    STANDING,
    ContractState,
    Side,
    class_of,
)
from marketplace.domain.money import in_words
from marketplace.errors import Conflict, Invalid, Text
from marketplace.services import contract_defaults
from marketplace.services.contract_contents import (
    PARTY,
    instalment_sum,
    non_technical_sum,
    parties_of,
)
from marketplace.services.contract_records import Record, record, records, stamp
from marketplace.services.fields import Row, thawed
from marketplace.services.registration_forms import (
    export_headings,
    registration_form,
    rows,
)
from marketplace.services.wording import (
    BLANK,
    day,
    exact,
    money,
    or_blank,
    yes_or_no,
)

__all__ = [
    "BLANK",
    "Record",
    "certificate",
    "data_sheet",
    "draft_context",
    "export_headings",
    "instalments",
    "record",
    "records",
    "registration_form",
    "rows",
    "royalty",
]

Table = dict[str, Any]
Lines = list[tuple[str, str]]

SIDES = {
    "D": ("委托方", "研究开发方"),
    "D2": ("合作方", "合作方"),
    "T": ("受让方", "让与方"),
    "L": ("被许可方", "许可方"),
    "C": ("委托方", "受托方"),
    "S": ("委托方", "受托方"),
    "S3": ("委托方", "中介方"),
}
"""What buyer and seller are called, by class or by kind (Civil Code, chapter 20)."""
_MARKS = {Side.BUYER: "甲方", Side.SELLER: "乙方", Side.BROKER: "丙方"}


def party_label(values: Row, side: Side) -> str:
    """Return what a side is called in a contract, such as 甲方（委托方）."""
    if side == Side.BROKER:
        return f"{_MARKS[side]}（中介方）"
    code = values["contract_class"] or ""
    known = SIDES.get(code) or SIDES.get(class_of(code)) or ("买方", "卖方")
    return f"{_MARKS[side]}（{known[0] if side == Side.BUYER else known[1]}）"


def names_of(values: Row, side: Side) -> str:
    """Return the names of a side's parties."""
    return "、".join(p["name"] for p in parties_of(values, side) if p["name"])


def royalty(known: Record) -> Lines:
    """Return how the royalty 提成 is worked out, nothing where there is none."""
    part = known.values["royalty"]
    if not part:
        return []
    rate = part["rate_percent"]
    return [
        ("提成基数", or_blank(known.names("royalty_base", part["base"]))),
        ("提成比例", f"{BLANK if rate is None else exact(rate)} %"),
        (
            "比例形式",
            or_blank(known.names("royalty_rate_shape", part["rate_shape"])),
        ),
        ("入门费", money(part["entry_fee_yuan"])),
        ("提成计算方法", or_blank(part["method"])),
        ("查阅会计账目", "可以查阅" if part["may_inspect_books"] else "未约定"),
    ]


def instalments(known: Record) -> Table:
    """Return the payment plan 分期支付计划 as a table, its sum in the last row.

    ``widths`` of a table are in per cent of the page.
    """
    plan = known.values["instalments"]
    found = [
        [
            str(number),
            or_blank(row["deliverable"]),
            day(row["due_on"]),
            money(row["amount_yuan"]),
            or_blank(row["condition"]),
        ]
        for number, row in enumerate(plan, 1)
    ]
    if plan:
        found.append(["合计", "", "", money(instalment_sum(known.values)), ""])
    return {
        "title": "分期支付计划",
        "headings": ["期次", "对应交付物", "支付日期", "金额", "支付条件"],
        "widths": [8, 26, 18, 20, 28],
        "rows": found,
    }


def costs(known: Record) -> Table:
    """Return the non-technical costs 非技术性费用 as a table, their sum last."""
    items = known.values["non_technical"]
    found = [
        [
            or_blank(known.names("non_technical_cost", row["kind"])),
            or_blank(row["name"]),
            money(row["amount_yuan"]),
        ]
        for row in items
    ]
    if items:
        found.append(["合计", "", money(non_technical_sum(known.values))])
    return {
        "title": "非技术性费用明细",
        "headings": ["类别", "名称", "金额"],
        "widths": [25, 50, 25],
        "rows": found,
    }


def goods(known: Record) -> Table:
    """Return the equipment and material 随附设备、材料 as a table."""
    return {
        "title": "随附设备、材料",
        "headings": ["名称", "数量", "是否技术载体"],
        "widths": [60, 20, 20],
        "rows": [
            [
                or_blank(row["name"]),
                BLANK if row["quantity"] is None else str(row["quantity"]),
                yes_or_no(row["is_carrier"]),
            ]
            for row in known.values["goods"]
        ],
    }


def rights(known: Record) -> Table:
    """Return the rights concerned, with what the Civil Code, 845(3), asks for."""
    return {
        "title": "涉及的知识产权",
        "headings": [
            "类型",
            "名称",
            "申请人",
            "权利人",
            "申请日期",
            "申请号",
            "专利号或登记号",
            "有效期至",
            "法律状态",
        ],
        "widths": [9, 15, 12, 12, 10, 12, 12, 10, 8],
        "rows": [
            [
                or_blank(known.names("ip_type", row["kind"])),
                or_blank(row["name"]),
                or_blank(row["applicant"]),
                or_blank(row["owner"]),
                day(row["filed_on"]),
                or_blank(row["application_no"]),
                or_blank(row["patent_no"]),
                day(row["valid_until"]),
                or_blank(known.names("ip_legal_status", row["legal_status"])),
            ]
            for row in known.values["rights"]
        ],
    }


def documents(known: Record) -> Table:
    """Return the papers that belong to the contract 附件材料."""
    return {
        "title": "附件材料",
        "headings": ["类别", "文件"],
        "widths": [30, 70],
        "rows": [
            [
                or_blank(known.names("contract_document", row["kind"])),
                or_blank(known.files.get(row["attachment_id"], "")),
            ]
            for row in known.values["documents"]
        ],
    }


def _party_lines(known: Record, party: Row) -> Lines:
    """Return what is told of a party: what everybody is asked, then what is filled."""
    region = party["region"]
    lines = [
        ("名称", or_blank(party["name"])),
        ("统一社会信用代码", or_blank(party["uscc"])),
        ("单位性质", or_blank(known.names("party_nature", party["party_nature"]))),
        (
            "行政区划",
            f"{known.names('region', region)}（{region}）" if region else BLANK,
        ),
        ("法定代表人（负责人）", or_blank(party["representative"])),
        ("联系人", or_blank(party["contact_name"])),
        ("联系电话", or_blank(party["contact_phone"])),
        ("通信地址", or_blank(party["address"])),
        ("邮政编码", or_blank(party["postcode"])),
    ]
    flags = "；".join(
        known.names("party_flag", code).removeprefix("是否") for code in party["flags"]
    )
    optional = [
        ("国别", party["country"]),
        ("所属行业", known.names("industry", party["industry"])),
        ("企业规模", known.names("enterprise_scale", party["scale"])),
        ("主体标志", flags),
        ("印章名称", party["seal_name"]),
        ("课题组（团队）", party["team_name"]),
        ("签约主体", "法人内设机构" if party["is_inner_body"] else ""),
    ]
    return lines + [(label, text) for label, text in optional if text]


def _parties(known: Record) -> list[dict[str, Any]]:
    """Return every party with its label; buyer and seller are there even if blank."""
    found = []
    for side in (Side.BUYER, Side.SELLER, Side.BROKER):
        standing: Sequence[Row] = parties_of(known.values, side)
        if not standing and side is not Side.BROKER:
            standing = [thawed(PARTY, {})]
        label = party_label(known.values, side)
        for number, party in enumerate(standing, 1):
            several = f"之{number}" if len(standing) > 1 else ""
            found.append(
                {"label": f"{label}{several}", "lines": _party_lines(known, party)}
            )
    loose = [p for p in known.values["parties"] if p["side"] is None]
    found += [
        {"label": "当事人（地位未定）", "lines": _party_lines(known, party)}
        for party in loose
    ]
    return found


def _term(values: Row) -> str:
    return f"自 {day(values['valid_from'])} 起至 {day(values['valid_to'])} 止"


def _said(*lines: tuple[str, str]) -> list[str]:
    """Return labelled lines; what is empty is a blank to fill in."""
    return [f"{label}：{or_blank(text)}" for label, text in lines]


def _filled(*lines: tuple[str, str]) -> list[str]:
    """Return the labelled lines that are filled."""
    return [f"{label}：{text}" for label, text in lines if text]


Writer = Callable[[Record], list[str]]


def _name_lines(known: Record) -> list[str]:
    return [or_blank(known.values["title"])]


def _subject_lines(known: Record) -> list[str]:
    values = known.values
    return _said(
        ("目标", values["goal"]),
        ("内容、范围和要求", values["subject"]),
        ("方法和路线", values["method"]),
    )


def _plan_lines(known: Record) -> list[str]:
    values = known.values
    return [
        f"履行期限：{_term(values)}",
        *_said(("履行地点", values["place"]), ("交付内容", values["deliverables"])),
    ]


def _results_lines(known: Record) -> list[str]:
    values = known.values
    owner = known.names("ip_owner", values["ip_owner"])
    return [
        or_blank(values["results_ownership"]),
        *_filled(("知识产权归属", owner)),
    ]


def _acceptance_lines(known: Record) -> list[str]:
    return [or_blank(known.values["acceptance"])]


def _price_lines(known: Record) -> list[str]:
    values = known.values
    method = known.names("payment_method", values["payment_method"])
    return [
        f"合同成交总额：{_in_full(values['total_yuan'])}",
        f"其中技术交易额：{_in_full(values['technical_yuan'])}",
        f"支付方式：{or_blank(method)}",
        *(f"{label}：{text}" for label, text in royalty(known)),
    ]


def _in_full(amount: Decimal | None) -> str:
    words = BLANK if amount is None else in_words(amount)
    return f"{money(amount)}（人民币大写：{words}）"


def _licence_lines(known: Record) -> list[str]:
    part = known.values["licence"]
    if not part and class_of(known.values["contract_class"]) != "L":
        return []
    until = part.get("until")
    return _said(
        ("许可方式", known.names("patent_licence_mode", part.get("mode"))),
        ("许可地域", part.get("territory", "")),
        ("许可期限至", day(until)),
        ("实施方式", part.get("manner", "")),
    )


def _rights_lines(known: Record) -> list[str]:
    kinds = "、".join(known.names("ip_type", c) for c in known.values["ip_type"])
    if not kinds and not known.values["rights"]:
        return []
    return _said(("知识产权类型", kinds))


def _mediation_lines(known: Record) -> list[str]:
    values, part = known.values, known.values["commission"]
    brokered = values["mediation"] or part or parties_of(values, Side.BROKER)
    if not brokered:
        return []
    payer = part.get("paid_by")
    return [
        or_blank(values["mediation"]),
        f"中介报酬：{_in_full(part.get('amount_yuan'))}",
        f"支付人：{or_blank(party_label(values, Side(payer)) if payer else '')}",
        *_filled(("报酬约定", part.get("text", ""))),
    ]


def _trainee_lines(known: Record) -> list[str]:
    trainees = known.values["trainees"]
    if not trainees and known.values["contract_class"] != "S2":
        return []
    return [or_blank("、".join(trainees))]


WRITERS: dict[str, Writer] = {
    "NAME": _name_lines,
    "SUBJECT": _subject_lines,
    "PLAN": _plan_lines,
    "RESULTS": _results_lines,
    "ACCEPTANCE": _acceptance_lines,
    "PRICE": _price_lines,
    "RIGHTS": _rights_lines,
    "LICENCE": _licence_lines,
    "MEDIATION": _mediation_lines,
    "TRAINEES": _trainee_lines,
}
"""Articles of a draft that fields of the contract fill."""
WRITTEN_OUT = (
    "SECRECY",
    "TERMS",
    "RISK",
    "BREACH",
    "DISPUTE",
    "SUBCONTRACT",
    "PUBLIC_NOTICE",
    "CHANGE",
    "IMPROVEMENT",
)
"""Articles of a draft that only the words of the parties fill."""
_NOTED = {
    "LICENCE": ("LICENCE_MODE", "LICENCE_TERM"),
    "MEDIATION": ("MEDIATION",),
}


@dataclass(frozen=True)
class _Clause:
    """What the checklist says of one clause."""

    text: str = ""
    mark: str | None = None


def _clauses(values: Row) -> dict[str, _Clause]:
    return {
        row["code"]: _Clause(row["text"], row["state"])
        for row in values["clauses"]
        if row["code"]
    }


def _article(
    known: Record, key: str, clause: _Clause, notes: dict[str, list[str]]
) -> dict[str, Any]:
    """Return the texts and notes of one article, and whether anything is said."""
    lines = WRITERS[key](known) if key in WRITERS else []
    spoken = bool(clause.text or clause.mark)
    if clause.text:
        lines = [line for line in lines if line != BLANK] + [clause.text]
    elif clause.mark == "NOT_APPLICABLE":
        lines = [line for line in lines if line != BLANK] + ["本合同不适用本条。"]
    noted = [n for name in _NOTED.get(key, (key,)) for n in notes.get(name, [])]
    return {
        "texts": lines or [BLANK],
        "notes": noted,
        "shown": spoken or (key in WRITERS and bool(lines)),
    }


def draft_context(known: Record) -> dict[str, Any]:
    """Return what fills the draft of a contract, by the class that it has.

    Where the contract is silent, ``notes`` carry the legal default with its article;
    they are for those who draft and no terms of the contract.

    Raises
    ------
    Invalid
        The contract has no class yet, so that there is no form for it.
    """
    values = known.values
    letter = class_of(values["contract_class"])
    if letter not in CLASSES:
        raise Invalid.at(
            "/contract_class",
            "required",
            "请先选择合同类别，再生成合同草案",
            "choose the class of the contract before its draft is written",
        )
    clauses, notes = _clauses(values), contract_defaults.notes(values)
    articles = {
        key: _article(known, key, clauses.get(key, _Clause()), notes)
        for key in (*WRITERS, *WRITTEN_OUT)
    }
    kind = known.names("contract_class", values["contract_class"])
    head = f"{CLASSES[letter].zh}合同"
    return {
        "letter": letter,
        "heading": head if kind == CLASSES[letter].zh else f"{head}（{kind}）",
        "title": or_blank(values["title"]),
        "contract_no": known.contract_no,
        "version": str(known.number),
        "written": stamp(known),
        "signed_on": day(values["signed_on"]),
        "parties": _parties(known),
        "articles": articles,
        "tables": {
            "costs": costs(known),
            "goods": goods(known),
            "instalments": instalments(known),
            "rights": rights(known),
            "documents": documents(known),
        },
        "facts": [list(line) for line in _facts(known)],
        "remarks": or_blank(values["remarks"]),
    }


def _facts(known: Record) -> Lines:
    """Return what registration and statistics ask for besides the contract's terms."""
    values, names = known.values, known.names
    return [
        ("计划来源", or_blank(names("plan_source", values["plan_source"]))),
        ("计划项目编号", or_blank(values["project_no"] or "")),
        ("技术领域", or_blank(names("tech_field", values["tech_field"]))),
        (
            "社会经济目标",
            or_blank(names("socio_objective", values["socio_objective"])),
        ),
        (
            "服务的国民经济行业",
            or_blank(names("industry", values["served_industry"])),
        ),
        ("是否关联交易", yes_or_no(values["is_related"])),
        ("是否技术进口", yes_or_no(values["is_import"])),
        ("是否外文合同", yes_or_no(values["is_foreign_text"])),
        ("预计新增投入", money(values["expected_input_yuan"])),
        ("预计新增产值", money(values["expected_output_yuan"])),
    ]


def _lines_of(texts: Iterable[str]) -> Lines:
    found = []
    for text in texts:
        label, colon, rest = text.partition("：")
        found.append((label, rest) if colon else ("", text))
    return found


def data_sheet(known: Record) -> dict[str, Any]:
    """Return the data sheet 合同数据表: every field of the contract in groups."""
    values, names = known.values, known.names
    entry = known.registration
    contract: Lines = [
        ("合同编号", known.contract_no),
        ("合同状态", or_blank(names("contract_state", known.state))),
        ("合同版本", f"第 {known.number} 版" if known.number else BLANK),
        ("合同登记编号", or_blank(entry.reg_no or "" if entry else "")),
        ("项目名称", or_blank(values["title"])),
        ("合同类别", or_blank(names("contract_class", values["contract_class"]))),
        ("签订日期", day(values["signed_on"])),
        ("合同有效期", _term(values)),
        ("履行地点", or_blank(values["place"])),
    ]
    content: Lines = [
        ("目标", or_blank(values["goal"])),
        ("内容、范围和要求", or_blank(values["subject"])),
        ("方法和路线", or_blank(values["method"])),
        ("交付内容", or_blank(values["deliverables"])),
        ("验收标准和方法", or_blank(values["acceptance"])),
        ("成果归属和收益分配", or_blank(values["results_ownership"])),
        ("知识产权归属", or_blank(names("ip_owner", values["ip_owner"]))),
    ]
    more = _lines_of(_licence_lines(known))
    if values["trainees"]:
        more.append(("培训对象", "、".join(values["trainees"])))
    brokering = _mediation_lines(known)
    groups: list[tuple[str, Lines]] = [
        ("合同", contract),
        *((party["label"], party["lines"]) for party in _parties(known)),
        ("技术内容", content + more),
        ("价款与支付", _lines_of(_price_lines(known))),
        ("知识产权", _lines_of(_rights_lines(known)) or [("知识产权类型", BLANK)]),
        ("统计与登记", _facts(known)),
    ]
    if brokering:
        terms = [("中介约定", brokering[0]), *_lines_of(brokering[1:])]
        groups.append(("中介", terms))
    groups.append(("备注", [("备注", or_blank(values["remarks"]))]))
    return {
        "title": "技术合同数据表",
        "contract_no": known.contract_no,
        "written": stamp(known),
        "groups": [
            {"heading": heading, "lines": [list(line) for line in lines]}
            for heading, lines in groups
        ],
        "tables": [
            table
            for table in (
                instalments(known),
                costs(known),
                goods(known),
                rights(known),
                _checklist(known),
                documents(known),
            )
            if table["rows"]
        ],
    }


def _checklist(known: Record) -> Table:
    return {
        "title": "条款清单",
        "headings": ["条款", "状态", "约定内容"],
        "widths": [27, 13, 60],
        "rows": [
            [
                or_blank(known.names("contract_clause", row["code"])),
                or_blank(known.names("clause_state", row["state"])),
                or_blank(row["text"]),
            ]
            for row in known.values["clauses"]
        ],
    }


_NOT_REGISTERED = Text(
    "合同尚未登记或登记已失效，不能出具登记证明",
    "the contract is not registered, or is no longer: there is no certificate",
)
_OVER = Text(
    "合同已解除或无效，须申请注销登记，不再出具登记证明",
    "the contract was rescinded or is void: its registration is to be cancelled, and"
    " there is no certificate",
)


def certificate(known: Record) -> dict[str, Any]:
    """Return the certificate of registration 登记证明, with both amounts.

    It states the contract value and the technical amount (draft registration measures
    of 2024, article 15), each in figures and in words, as they stand registered. An
    amount that is not known at signing, as with royalties, is left blank.

    Parameters
    ----------
    known : Record
        Read with ``registered=True``.

    Raises
    ------
    Conflict
        The contract does not stand registered, or was rescinded or is void.
    """
    entry = known.registration
    if entry is None or entry.state not in STANDING:
        raise Conflict(_NOT_REGISTERED)
    if ContractState(known.state) not in REGISTRABLE:
        raise Conflict(_OVER)
    values, names = known.values, known.names
    lines: Lines = [
        ("合同登记编号", or_blank(entry.reg_no or "")),
        ("合同编号", known.contract_no),
        ("项目名称", or_blank(values["title"])),
        ("合同类别", or_blank(names("contract_class", values["contract_class"]))),
        ("技术领域", or_blank(names("tech_field", values["tech_field"]))),
        ("买方", or_blank(names_of(values, Side.BUYER))),
        ("卖方", or_blank(names_of(values, Side.SELLER))),
        ("签订日期", day(values["signed_on"])),
        ("合同有效期", _term(values)),
    ]
    broker = names_of(values, Side.BROKER)
    if broker:
        lines.insert(7, ("中介方", broker))
    return {
        "title": "技术合同登记证明",
        "reg_no": or_blank(entry.reg_no or ""),
        "lines": [list(line) for line in lines],
        "amounts": [
            {"label": label, **_both(amount)}
            for label, amount in (
                ("合同成交总额", entry.total_yuan),
                ("技术交易额", entry.technical_yuan),
            )
        ],
        "state": or_blank(names("registration_state", entry.state.value)),
        "version": str(entry.version_number or known.number),
        "registry": or_blank(known.registry),
        "registered_on": day(entry.registered_on),
        "written": entry.registered_on.isoformat()
        if entry.registered_on
        else stamp(known),
    }


def _both(amount: Decimal | None) -> dict[str, str]:
    words = BLANK if amount is None else f"人民币{in_words(amount)}"
    return {"figures": money(amount), "words": words}
