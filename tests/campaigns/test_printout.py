"""Whose page is it? Nobody gets a page that is not his, and what does not fit stops the cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pec_tracker.errors import UsageError
from pec_tracker.service.campaigns.printout import (
    Cut,
    Fault,
    Finding,
    Mark,
    Part,
    begun,
    divide,
    marked,
    of_others,
)

LISTED = {"1": ["Anna Bianchi", "BNCNNA80A41H501X"], "2": ["Rossi Mario"], "3": ["Giulia Verdi"]}


def faults(cut: Cut) -> list[Fault]:
    return [finding.fault for finding in cut.findings]


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        ("Interno 3", "3"),
        ("INTERNO: 12", "12"),
        ("Interno n. 4", "4"),
        ("interno n° 12/A scala B", "12/A"),
        ("Interno\n7 bis", "7 bis"),
        ("Interno 13", "13"),
        ("Interno 3 Scala A", "3"),
        ("Interno 3 e box", "3"),
        ("Interno 3 B", "3 B"),
        ("Interno 3\nA tutti i condomini", "3"),
    ],
)
def test_a_label_is_followed_by_its_value(text: str, owner: str) -> None:
    assert marked([text], Mark.LABEL, "Interno") == [(owner,)]


def test_what_is_no_value_of_the_label_names_nobody() -> None:
    assert marked(["Internorossi 3", "lavori interni 3", "Interno giorno", "pianterreno 3"], Mark.LABEL, "Interno") == [
        (),
        (),
        (),
        (),
    ]


def test_a_page_that_names_one_owner_twice_is_his() -> None:
    assert marked(["Interno 3 ... Interno 3"], Mark.LABEL, "Interno") == [("3",)]


def test_tax_codes_and_patterns_mark_pages_too() -> None:
    assert marked(["c.f. RSSMRA80A01H501U; condominio 80012345678"], Mark.TAX_CODE) == [("RSSMRA80A01H501U",)]
    assert marked(["Scala B int 4", "niente"], Mark.PATTERN, r"Scala (\w int \d+)") == [("B int 4",), ()]
    assert marked(["Scala B int 4"], Mark.PATTERN, r"Scala (\w) int (\d+)") == [("B 4",)]


@pytest.mark.parametrize("pattern", ["(", "Interno", "(a)(b)(c)"])
def test_a_pattern_that_cannot_say_whose_a_page_is_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match=r"regular expression|one group"):
        marked(["x"], Mark.PATTERN, pattern)


def test_bookmarks_begin_where_they_lead() -> None:
    assert begun([("Interno 1", 0), ("Interno 2", 2)], 4) == [
        ("Interno 1",),
        ("Interno 1",),
        ("Interno 2",),
        ("Interno 2",),
    ]
    # Before the first bookmark a page is nobody's; two on one page make it one of two owners.
    assert begun([("A", 1), ("B", 1)], 2) == [(), ("A", "B")]


def test_pages_are_divided_by_whom_they_name() -> None:
    cut = divide([("1",), ("1",), ("2",), ("3",)], listed=LISTED)
    assert cut == Cut((Part("1", (1, 2)), Part("2", (3,)), Part("3", (4,))))


def test_a_page_without_an_owner_stops_the_cut_or_belongs_to_the_one_before() -> None:
    owners = [("1",), (), ("2",)]
    assert divide(owners).findings == (Finding(Fault.NO_OWNER, pages=(2,)),)
    assert divide(owners, continued=True) == Cut((Part("1", (1, 2)), Part("2", (3,))))
    # A first page of nobody has no one before it.
    assert divide([(), ("1",)], continued=True).findings == (Finding(Fault.NO_OWNER, pages=(1,)),)


def test_an_owner_without_a_page_stops_the_cut() -> None:
    assert divide([("1",), ("2",)], listed=LISTED).findings == (Finding(Fault.NO_PAGE, "3"),)


def test_an_owner_who_is_not_listed_stops_the_cut_and_the_one_who_looks_like_him_is_named() -> None:
    cut = divide([("1",), ("2",), ("03",)], listed=LISTED)
    assert cut.findings == (Finding(Fault.NOT_LISTED, "03", (3,), "3"), Finding(Fault.NO_PAGE, "3"))


@pytest.mark.parametrize(("one", "other"), [("3", "03"), ("1A", "1 a"), ("12/A", "12A"), ("10", "1O")])
def test_owners_that_look_alike_stop_the_cut(one: str, other: str) -> None:
    assert divide([(one,), (other,)]).findings == (Finding(Fault.ALIKE, other, other=one),)


def test_three_is_not_thirteen() -> None:
    cut = divide(marked(["Interno 3", "Interno 13", "Interno 30"], Mark.LABEL, "Interno"))
    assert cut == Cut((Part("3", (1,)), Part("13", (2,)), Part("30", (3,))))


def test_pages_that_lie_apart_are_gathered_only_on_request() -> None:
    owners = [("1",), ("2",), ("1",)]
    assert divide(owners).findings == (Finding(Fault.APART, "1", (1, 3)),)
    assert divide(owners, gathered=True) == Cut((Part("1", (1, 3)), Part("2", (2,))))


def test_a_page_of_several_owners_stops_the_cut() -> None:
    assert divide([("1", "2")]).findings == (Finding(Fault.SEVERAL_OWNERS, "1", (1,), "2"),)


def test_the_name_or_the_tax_code_of_another_stops_the_cut() -> None:
    texts = ["Interno 1\nGent.mo ROSSI MARIO", "Interno 2\nMario Rossi", "Interno 3 cf bncnna80a41h501x"]
    cut = divide(marked(texts, Mark.LABEL, "Interno"), listed=LISTED)
    assert of_others(cut, texts, LISTED) == [
        Finding(Fault.OTHERS, "1", (1,), "2"),
        Finding(Fault.OTHERS, "3", (3,), "1"),
    ]


def test_a_name_that_is_his_too_is_no_fault_of_his() -> None:
    listed = {"1": ["Mario Rossi"], "2": ["Mario Rossi", "Anna Bianchi"]}
    texts = ["Interno 1 Mario Rossi", "Interno 2 Anna Bianchi e Mario Rossi"]
    assert of_others(divide([("1",), ("2",)]), texts, listed) == []


def test_accents_do_not_hide_a_name() -> None:
    listed = {"1": ["Niccolò D'Amico"], "2": ["Ugo Po"]}
    assert of_others(divide([("2",)]), ["Spett. NICCOLO' D’AMICO"], listed) == [Finding(Fault.OTHERS, "2", (1,), "1")]


@given(st.data())
def test_whatever_is_wrong_with_a_printout_no_page_reaches_another_than_its_owner(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 12))
    names = data.draw(
        st.lists(st.integers(1, 130), min_size=count, max_size=count, unique=True).map(lambda n: [*map(str, n)])
    )
    owner_of = [owner for owner in names for _ in range(data.draw(st.integers(1, 3)))]
    texts = [f"Condominio Via Po 13\nInterno {owner}\nSaldo 3" for owner in owner_of]
    listed = {owner: [f"Persona Numero{owner}"] for owner in names}
    mistake = data.draw(st.sampled_from(["none", "swap", "drop", "double", "blank", "alike", "stranger"]))
    at = data.draw(st.integers(0, len(texts) - 1))
    match mistake:
        case "swap":
            other = data.draw(st.integers(0, len(texts) - 1))
            texts[at], texts[other] = texts[other], texts[at]
            owner_of[at], owner_of[other] = owner_of[other], owner_of[at]
        case "drop":
            del texts[at], owner_of[at]
        case "double":
            texts.append(texts[at])
            owner_of.append(owner_of[at])
        case "blank":
            texts[at] = "Condominio Via Po 13"
        case "alike":
            texts[at] = texts[at].replace(f"Interno {owner_of[at]}", f"Interno 0{owner_of[at]}")
        case "stranger":
            texts[at] += f"\nInterno {names[names.index(owner_of[at]) - 1]}"
    cut = divide(marked(texts, Mark.LABEL, "Interno"), listed=listed)
    if mistake in ("none", "drop") and set(owner_of) == set(names):
        assert cut.findings == ()
    if mistake in ("blank", "alike", "stranger"):
        assert cut.findings
    if not cut.findings:
        assert {page: part.owner for part in cut.parts for page in part.pages} == dict(enumerate(owner_of, 1))
        assert {part.owner for part in cut.parts} == set(names)
