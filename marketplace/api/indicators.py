"""``/indicators``, ``/funnel``, ``/targets``: figures of the market, and their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from marketplace.api import edge, lists
from marketplace.api.edge import Blueprint, actor, in_path
from marketplace.domain.indicators import AXES, INDICATORS, Indicator
from marketplace.extensions import db
from marketplace.problems import language
from marketplace.services import funnels, reports
from marketplace.services import indicators as service
from schemas.indicators import (
    FigureDefinitionsSchema,
    FigureQuery,
    FigureRowSchema,
    FigureRowsQuery,
    FigureSchema,
    FunnelQuery,
    FunnelSchema,
    TargetQuery,
    TargetsSchema,
)

bp = Blueprint("indicators", __name__, description="Figures 指标与漏斗")
CODE = {
    **in_path("code", INDICATORS),
    "required": True,
}


def _spoken(shown: Any) -> Any:
    return edge.spoken(shown, language())


def _definition(found: Indicator) -> dict[str, Any]:
    return {
        "code": found.code,
        "title": found.title,
        "unit": found.unit,
        "sheet_unit": found.sheet_unit,
        "formula": found.formula,
        "source": found.source,
        "owner": found.owner.value,
        "kind": found.kind.value,
        "family": found.family.value,
        "decimals": found.decimals,
        "modifier": found.modifier,
        "axes": list(found.axes),
    }


def _filters(query: Mapping[str, Any]) -> dict[str, list[str]]:
    return {name: text.split(",") for name, text in query.items() if name in AXES}


@bp.route("/indicators", methods=["GET"])
@bp.response(200, FigureDefinitionsSchema)
def index() -> Any:
    """The definitions 指标定义"""
    return _spoken({"items": [_definition(i) for i in INDICATORS.values()]})


@bp.route("/indicators/<code>", methods=["GET"], parameters=[CODE])
@bp.arguments(FigureQuery, location="query")
@bp.response(200, FigureSchema)
def get(query: dict[str, Any], code: str) -> Any:
    """A figure over a period, as of a moment, by axes 指标数值"""
    found = service.figure(
        db.session(),
        actor(),
        code,
        period=query["period"],
        as_of=query["as_of"],
        by=[name for name in query["by"].split(",") if name],
        filters=_filters(query),
    )
    return _spoken(
        {
            "code": found.indicator.code,
            "title": found.indicator.title,
            "unit": found.indicator.unit,
            "period": found.period.label,
            "starts_on": found.period.start,
            "ends_on": found.period.end,
            "as_of": found.as_of,
            "by": list(found.by),
            "total": _cell(found.total),
            "cells": [_cell(cell) for cell in found.cells],
            "notes": list(found.notes),
        }
    )


def _cell(cell: service.Cell) -> dict[str, Any]:
    return {name: getattr(cell, name) for name in cell.__slots__}


@bp.route("/indicators/<code>/rows", methods=["GET"], parameters=[CODE])
@bp.arguments(FigureRowsQuery, location="query")
@bp.response(200, lists.page_of(FigureRowSchema))
def rows(query: dict[str, Any], code: str) -> Any:
    """The contracts or objects that make a figure 指标明细"""
    paging, asked = lists.split(query)
    found = service.rows(
        db.session(),
        actor(),
        code,
        period=asked["period"],
        as_of=asked["as_of"],
        filters=_filters(asked),
    )
    return lists.answer(found, paging)


@bp.route("/funnel", methods=["GET"])
@bp.arguments(FunnelQuery, location="query")
@bp.response(200, FunnelSchema)
def funnel(query: dict[str, Any]) -> Any:
    """How far needs come, how long they stay, why they leave 漏斗"""
    found = funnels.funnel(db.session(), actor(), **query)
    shown = {
        "period": found.period.label,
        "as_of": found.as_of,
        "by": found.by,
        "whole": _branch(found.whole),
        "branches": [_branch(branch) for branch in found.branches],
    }
    return _spoken(shown)


def _branch(branch: funnels.Branch) -> dict[str, Any]:
    return {
        "key": branch.key,
        "name": branch.name,
        "stages": [{**asdict(s), "title": s.title} for s in branch.stages],
        "exits": [asdict(e) for e in branch.exits],
    }


@bp.route("/targets", methods=["GET"])
@bp.arguments(TargetQuery, location="query")
@bp.response(200, TargetsSchema)
def targets(query: dict[str, Any]) -> Any:
    """Targets in force, and how far they are reached 目标与进度"""
    return _spoken({"items": reports.targets(db.session(), actor(), **query)})
