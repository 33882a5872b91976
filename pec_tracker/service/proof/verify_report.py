"""What does a package's report say otherwise than the one made now? Read as it is told, compared piece by piece."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pec_tracker.service.proof.members import REPORT

_RECIPIENT: Final = 2  # names in a report's entry of a recipient: its address and its type


def loaded(raw: bytes) -> Any:
    """JSON, of whose objects and lists of objects equal ones are one: each receipt repeats the list of recipients."""
    objects: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}

    def kept(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(pairs) == _RECIPIENT and all(value.__class__ is str for _, value in pairs):
            return objects.setdefault(tuple(pairs), dict(pairs))
        made = dict(pairs)
        listed = made.get("recipients")
        if isinstance(listed, list) and all(isinstance(one, dict) for one in listed):
            made["recipients"] = lists.setdefault(tuple(map(id, listed)), listed)
        return made

    lists: dict[tuple[int, ...], list[Any]] = {}
    return json.loads(raw, object_pairs_hook=kept)


def pairs(told: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """What two reports say, piece by piece: each evidence by its member, then the rest."""
    ours, theirs = by_member(found), by_member(told)
    for member in sorted(ours.keys() | theirs.keys()):
        yield member, theirs.get(member), ours.get(member)
    yield REPORT, _rest(told), _rest(found)


def by_member(report: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a report's evidence by their members."""
    entries = (*report["proof"], *report["not_proof"])
    return {str(entry["member"]): entry for entry in entries}


def _rest(report: Mapping[str, Any]) -> dict[str, Any]:
    """All but evidence and limits; where an anchor was found, why somebody trusts it, and which time-stamp authorities
    he knows, is each machine's own matter."""
    own = ("source", "reason")
    anchors = [{name: value for name, value in one.items() if name not in own} for one in report["anchors"]]
    stamps = [{name: one[name] for name in ("seal", "member", "kind", "at", "bare")} for one in report["stamps"]]
    order = [[entry["member"] for entry in report[part]] for part in ("proof", "not_proof")]
    others = {name: report[name] for name in report if name not in ("proof", "not_proof", "limits")}
    return {**others, "anchors": anchors, "stamps": stamps, "order": order}


def without_same(told: Any, found: Any, same: dict[tuple[int, int], bool]) -> tuple[Any, Any]:
    """Two entries without their lists of recipients where these are the same; *same* are the pairs known by now."""
    lists = [one.get("recipients") if isinstance(one, Mapping) else None for one in (told, found)]
    if lists[0] is None or lists[1] is None:
        return told, found
    pair = (id(lists[0]), id(lists[1]))
    if pair not in same:
        same[pair] = next(paths(lists[0], lists[1]), None) is None
    if not same[pair]:
        return told, found
    without = [{name: value for name, value in one.items() if name != "recipients"} for one in (told, found)]
    return without[0], without[1]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two JSON values differ; `lacking`: the one told does not speak of it at all."""

    path: str
    told: Any
    found: Any
    lacking: bool

    def __str__(self) -> str:
        return f"{self.path or 'entry'} {_short(self.told)} -> {_short(self.found)}"


def paths(told: Any, found: Any, path: str = "", *, lacking: bool = False) -> Iterator[Difference]:
    """Where two JSON values differ."""
    if isinstance(told, Mapping) and isinstance(found, Mapping):
        for name in sorted(told.keys() | found.keys()):
            inner = f"{path}.{name}" if path else name
            yield from paths(told.get(name), found.get(name), inner, lacking=name not in told)
    elif isinstance(told, list) and isinstance(found, list) and len(told) == len(found):
        for at, (one, other) in enumerate(zip(told, found, strict=True)):
            yield from paths(one, other, f"{path}[{at}]")
    elif told != found or type(told) is not type(found) or lacking:
        yield Difference(path, told, found, lacking)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
