"""What waits comes first, by priority and time; shelved ones stand apart; a flood is rolled up by unit."""

from __future__ import annotations

from hmi.alarms.arranging import MOST_ROWS, arrange
from hmi.alarms.wish import Wish, read_wish
from tests.hmi.alarms.rows import alarm


def laid_out(*rows, wish: Wish | None = None, **more):
    return arrange({row.id: row for row in rows}, wish or Wish(), **more)


def test_what_waits_comes_first_then_priority_then_the_newest() -> None:
    sections = laid_out(
        alarm(1, 300), alarm(2, 900), alarm(3, 950), alarm(4, 900, ack=True), alarm(5, 900, act=False), alarm(6, 700)
    )
    assert [(section.key, section.ids) for section in sections] == [
        ("waits", ("a002", "a003", "a006", "a001")),
        ("gone", ("a005",)),
        ("stands", ("a004",)),
    ]


def test_what_is_in_doubt_is_never_listed_as_cleared() -> None:
    doubted = [alarm(1, act=False, quality="bad"), alarm(2, act=False, ack=True, quality="uncertain")]
    active = alarm(3, quality="bad")
    sections = laid_out(*doubted, active, alarm(4, act=False))
    assert [(section.key, section.title, section.ids) for section in sections] == [
        ("waits", "Active, not acknowledged", ("a003",)),
        ("doubt", "Doubtful, perhaps active", ("a001", "a002")),
        ("gone", "Cleared, not acknowledged", ("a004",)),
    ]
    assert not any(Wish(state="cleared").fits(row) for row in [*doubted, active])
    assert all(Wish(state="active").fits(row) for row in [*doubted, active])


def test_shelved_and_suppressed_stand_apart_and_are_counted() -> None:
    sections = laid_out(alarm(1), alarm(2, shelf=-1), alarm(3, suppressed=True))
    assert [(section.key, section.ids) for section in sections] == [("waits", ("a001",)), ("shelved", ("a002", "a003"))]


def test_at_most_a_page_of_rows_and_the_true_number() -> None:
    (section,) = laid_out(*(alarm(number) for number in range(1, 301)))
    assert len(section.ids) == MOST_ROWS and section.total == 300


def test_by_unit_the_unit_with_the_most_important_waiting_alarm_first() -> None:
    sections = laid_out(
        alarm(1, 300, asset="TK-1"), alarm(2, 900, asset="TK-2", ack=True), alarm(3, 700, asset="TK-3"),
        wish=Wish(view="unit"),
    )  # fmt: skip
    assert [section.title for section in sections] == ["TK-3", "TK-1", "TK-2"]
    assert sections[0].note == "1 not acknowledged, highest priority: high" and sections[0].query == "", (
        "all of it is here"
    )
    many = [alarm(number, 700, asset="TK-3") for number in range(1, 20)]
    (unit,) = laid_out(*many, wish=Wish("high", view="unit"))
    assert unit.query == "?band=high&asset=TK-3&view=list", "it leads to no more than was asked for"


def test_flood_shows_what_came_first_the_highest_priority_and_counts_the_rest() -> None:
    rows = [alarm(number, 900 if number < 3 else 200, asset=f"TK-{number % 2}") for number in range(1, 40)]
    sections = laid_out(*rows, flood=True, first_out="a039")
    assert [section.key for section in sections] == ["first", "top", "unit TK-1", "unit TK-0"]
    assert sections[0].ids == ("a039",) and sections[1].ids == ("a001", "a002")
    assert [section.ids for section in sections[2:]] == [(), ()] and sum(s.total for s in sections[2:]) == 39
    # What came first is not counted a second time among the highest priority.
    again = laid_out(*rows, flood=True, first_out="a001")
    assert (again[1].total, again[1].ids) == (1, ("a002",))
    # Whoever chose how to see the list gets that, flood or not.
    assert laid_out(*rows, wish=Wish(view="list"), flood=True, first_out="a039")[0].key == "waits"


def test_text_is_looked_for_in_what_one_reads_and_a_banner_alone_has_no_rows() -> None:
    row = alarm(1, name="TK-101 Level", tag="TK-101.level", msg="above 14 m", asset="TK-101", area="North farm")
    for text in ("tk-101.LEV", "above", "north", "high"):
        assert read_wish({"text": f"  {text}  "}).fits(row), text
    assert not Wish(text="TK-102").fits(row) and Wish(text="x").narrows
    assert laid_out(row, wish=Wish(view="banner")) == []


def test_what_has_no_room_leads_to_a_list_of_its_own() -> None:
    rows = [alarm(number) for number in range(1, 130)] + [alarm(number, ack=True) for number in range(200, 210)]
    waits, stands = laid_out(*rows)
    assert waits.query == "?state=waiting&view=list" and (stands.ids, stands.total) == ((), 10)
    assert stands.query == "?state=acknowledged&view=list"


def test_wish_of_an_address_is_bounded_and_what_does_not_exist_wishes_nothing() -> None:
    assert read_wish({"band": "crit", "state": "nonsense", "area": "x" * 500, "view": "'--"}) == Wish(
        "crit", area="x" * 100
    )
    assert Wish("crit", state="waiting").query(view="unit") == "?band=crit&state=waiting&view=unit"
    wish = Wish(state="active")
    assert wish.fits(alarm()) and not wish.fits(alarm(act=False)) and not wish.fits(alarm(shelf=-1))
