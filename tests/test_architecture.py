"""House rules that a reader of the code can rely on, read off the code itself."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("marketplace", "matching", "schemas", "seeds")
TELLS_TIME = {
    "now",
    "utcnow",
    "today",
    "time",
    "time_ns",
    "localtime",
    "gmtime",
    "fromtimestamp",
}
MAY_TELL_TIME = {
    ("marketplace/counters.py", "time.time"),
    ("marketplace/domain/clock.py", "datetime.now"),
    ("marketplace/domain/ids.py", "time.time_ns"),
}
"""The machine's clock, the time in an identifier, which is only a sort key, and the
windows of the rate limit, whose library reads the machine's clock itself."""
MODULES = {"datetime", "date", "time", "dt"}
SQL_ENTITY = re.compile(r"[A-Z]\w+")
VERIFIED = "OrganisationState.VERIFIED"
KNOWN_COMPARISONS = {
    # A unit's standing decides what its people may do; it is no step of a workflow.
    ("marketplace/services/tokens.py", VERIFIED),
    ("marketplace/services/contents.py", VERIFIED),
    ("marketplace/services/disclosures.py", VERIFIED),
    ("marketplace/services/import_columns.py", VERIFIED),
    ("marketplace/services/lifecycles.py", "OrganisationState.CLOSED"),
    ("marketplace/services/contracts.py", "OrganisationState.CLOSED"),
    # A queued import has no runner yet that would notice the wish to cancel it.
    ("marketplace/services/imports.py", "ImportState.QUEUED"),
}
"""Comparisons with one state that are no workflow in disguise, and why."""


def sources(*below: str) -> Iterator[tuple[str, ast.Module]]:
    for package in below or PACKAGES:
        place = ROOT / package
        for path in sorted(place.rglob("*.py") if place.is_dir() else [place]):
            name = path.relative_to(ROOT).as_posix()
            yield name, ast.parse(path.read_text(encoding="utf-8"), name)


def calls(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield ``module.function`` of every call of that shape."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = node.func.value
        name = owner.attr if isinstance(owner, ast.Attribute) else None
        if isinstance(owner, ast.Name):
            name = owner.id
        if name is not None:
            yield f"{name}.{node.func.attr}", node.lineno


def imported(tree: ast.Module, module: str) -> set[str]:
    """Return what is imported by name out of a module."""
    return {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == module
        for alias in node.names
    }


def test_only_the_clock_asks_the_machine_what_time_it_is() -> None:
    found = set()
    for name, tree in sources():
        for call, _ in calls(tree):
            owner, _, function = call.partition(".")
            if owner in MODULES and function in TELLS_TIME:
                found.add((name, call))
        assert not imported(tree, "time") & TELLS_TIME, name
    assert found == MAY_TELL_TIME


def test_the_database_is_not_asked_for_the_time_either() -> None:
    for name, tree in sources():
        for call, line in calls(tree):
            assert call not in {"func.now", "func.current_timestamp"}, (name, line)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert "CURRENT_TIMESTAMP" not in node.value, (name, node.lineno)


def state_comparisons(tree: ast.Module) -> Iterator[str]:
    """Yield the member of each ``something.state == Member`` outside of SQL."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        attributes = [s for s in sides if isinstance(s, ast.Attribute)]
        owners = [s.value for s in attributes if s.attr == "state"]
        if not owners or any(
            isinstance(o, ast.Name) and SQL_ENTITY.fullmatch(o.id) for o in owners
        ):
            continue
        yield from (
            ast.unparse(side)
            for side in sides
            if ast.unparse(side).rpartition(".")[2].isupper()
            and isinstance(node.ops[0], ast.Eq | ast.NotEq | ast.Is | ast.IsNot)
        )


def test_nobody_but_the_tables_and_the_policies_compares_with_one_state() -> None:
    found = {
        (name, member)
        for name, tree in sources(
            *(f"marketplace/{p}" for p in ("services", "api", "jobs", "cli"))
        )
        for member in state_comparisons(tree)
    }
    assert found == KNOWN_COMPARISONS


@pytest.mark.parametrize("package", PACKAGES)
def test_no_text_of_the_product_names_a_place_on_some_machine(package: str) -> None:
    for path in (ROOT / package).rglob("*"):
        if path.is_file() and path.suffix in {".py", ".json", ".md", ".toml"}:
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"/(work|home|root)/[a-z.]", text), path


def test_imports_point_down() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
