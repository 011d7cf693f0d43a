"""A state machine is a table.

The service applies it, the policy is checked against it, the API lists its actions
from it and the docs print it. No other code compares states.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from marketplace.domain.states import state_title
from marketplace.errors import IllegalTransition, Text

S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True)
class Transition(Generic[S]):
    """One arrow of the state diagram.

    Parameters
    ----------
    action : str
        Name in the API, in kebab case.
    sources : set of state
        States in which the action is offered.
    target : state
    title : Text
        What the button says.
    needs_reason : bool
        A ``comment`` must come with the action.
    system : bool
        Moved only by the system or by the service of another aggregate; never
        offered to a person.
    fields : tuple of str
        Names of further input that the action takes.
    published_only : bool
        Offered only while a version is published, and then also to who does not read
        the next one: taking down what the public reads, or going back to it.
    """

    action: str
    sources: AbstractSet[S]
    target: S
    title: Text
    needs_reason: bool = False
    system: bool = False
    fields: tuple[str, ...] = ()
    published_only: bool = False


@dataclass(frozen=True)
class Workflow(Generic[S]):
    """The life cycle of one kind of object.

    An action may stand in several rows with disjoint sources.
    """

    name: str
    initial: S
    transitions: tuple[Transition[S], ...]
    _index: dict[tuple[S, str], Transition[S]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        index: dict[tuple[S, str], Transition[S]] = {}
        for row in self.transitions:
            for source in row.sources:
                if (source, row.action) in index:
                    raise ValueError(f"{self.name}: {row.action} twice from {source}")
                index[source, row.action] = row
        object.__setattr__(self, "_index", index)

    @property
    def actions(self) -> frozenset[str]:
        """Every action name that people may use in some state."""
        return frozenset(t.action for t in self.transitions if not t.system)

    def offered(self, state: S) -> tuple[Transition[S], ...]:
        """Transitions that people may take from ``state``, in table order."""
        return tuple(t for t in self.transitions if state in t.sources and not t.system)

    def step(self, state: S, action: str, *, system: bool = False) -> Transition[S]:
        """Return the transition for ``action`` in ``state``.

        Raises
        ------
        IllegalTransition
            Naming the state and what is possible in it.
        """
        row = self._index.get((state, action))
        if row is None or row.system != system:
            possible = [t.action for t in self.offered(state)]
            raise self.refusal(state, action, possible)
        return row

    @property
    def titles(self) -> Mapping[str, Text]:
        """What each action is called."""
        return {t.action: t.title for t in self.transitions}

    def refusal(
        self, state: S, action: str, possible: Sequence[str]
    ) -> IllegalTransition:
        """Make the refusal of an action that is not offered.

        Parameters
        ----------
        state : state
            Where the object stands, as the caller may know it.
        possible : sequence of str
            What he may do instead.
        """
        return refusal(self.name, state, action, possible, self.titles)

    def reachable(self) -> frozenset[S]:
        """States that can be reached from the initial one."""
        found = {self.initial}
        while True:
            more = {t.target for t in self.transitions if t.sources & found} - found
            if not more:
                return frozenset(found)
            found |= more


def refusal(
    kind: str,
    state: StrEnum,
    action: str,
    possible: Sequence[str],
    titles: Mapping[str, Text],
) -> IllegalTransition:
    """Make the refusal of an action in a state; in Chinese both have their names."""

    def called(name: str) -> str:
        return titles[name].zh if name in titles else name

    chinese = _REFUSED if possible else _NOTHING_POSSIBLE
    return IllegalTransition(
        Text(
            chinese.format(
                state=state_title(kind, state.value).zh,
                action=called(action),
                possible="、".join(map(called, possible)),
            ),
            f"'{action}' is not available in state {state.value};"
            f" possible: {', '.join(possible) or '-'}",
        ),
        extra={"state": state.value, "possible": list(possible)},
    )


_REFUSED = "状态“{state}”下不能执行“{action}”，可执行：{possible}"
_NOTHING_POSSIBLE = "状态“{state}”下不能执行“{action}”，目前没有您可执行的操作"


def table(rows: Iterable[Transition[S]]) -> tuple[Transition[S], ...]:
    """Freeze the rows of a workflow."""
    return tuple(rows)
