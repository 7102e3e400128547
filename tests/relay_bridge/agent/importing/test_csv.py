"""Lists of tags as CSV: exact there and back, harmless in a spreadsheet, every fault by its place."""

from __future__ import annotations

import csv
import io
import random
import tomllib

import msgspec
import pytest

from relay_bridge.agent.config_file import MemorySource, Severities, TagSection, TankSection
from relay_bridge.agent.importing.csv_columns import COLUMNS, guarded, unguarded
from relay_bridge.agent.importing.csv_export import export_tags
from relay_bridge.agent.importing.csv_import import MAX_ROWS, import_tags
from relay_bridge.agent.importing.fragment import fragment
from relay_bridge.agent.importing.proposal import Proposal
from relay_bridge.agent.tags import AssetConfig, TagConfig, resolve_tags
from relay_bridge.agent.units import spelled
from relay_bridge.agent.vocabulary import CANON, unit_trouble
from relay_bridge.contract.messages import Limits

SOURCES = [MemorySource(id="main"), MemorySource(id="b")]
ODD = ["=1+1", "-2", "+x", "@SUM(A1)", "'quoted", "''", " =x", "  ", "\t=1", 'a "b" c', "a,b;c\td", "x\r\ny", "\r",
       "m³ °C", "Größe", "\x7f\x1b", "名", "'", "=", "\uff1dx", "{id}", "\\u0041", "# no", "a\u2028b"]  # fmt: skip


def meaning(toml: str) -> tuple[tuple[TagConfig, ...], tuple[AssetConfig, ...]]:
    document = tomllib.loads(toml)
    return resolve_tags(SOURCES, [msgspec.convert(raw, TagSection) for raw in document["tag"]], [])


def there_and_back(
    tags: tuple[TagConfig, ...], assets: tuple[AssetConfig, ...]
) -> tuple[tuple[TagConfig, ...], tuple[AssetConfig, ...]]:
    imported = import_tags(export_tags(tags, assets), None)
    assert imported.errors == []
    return meaning(fragment(Proposal(tags=imported.tags), ["x"]))


def any_text(dice: random.Random, most: int) -> str:
    if dice.random() < 0.4:
        return dice.choice(ODD)[:most]
    return "".join(
        chr(dice.choice([dice.randrange(32, 127), dice.randrange(160, 0x2FFF)])) for _ in range(dice.randrange(1, most))
    )


def any_number(dice: random.Random) -> float:
    return dice.choice(
        [0.0, -1.5, 1e-7, 1e22, 0.1 + 0.2, float(dice.randrange(10**6)), dice.uniform(-1e6, 1e6), 5e-324]
    )


def any_site(dice: random.Random) -> tuple[tuple[TagConfig, ...], tuple[AssetConfig, ...]]:
    """Any tags that a site.toml could stand for."""
    assets = [
        AssetConfig(f"A{n}", any_text(dice, 30), any_text(dice, 30), dice.choice(["tank", "pump", "unit"]))
        for n in range(dice.randrange(1, 5))
    ]
    tags = []
    for number in range(dice.randrange(1, 12)):
        canon = dice.choice(["", "", *CANON])
        asset = assets[number % len(assets)]
        kind = CANON[canon].kind if canon else dice.choice(["number", "text", "bool"])
        unit = dice.choice([None, "", "m³", "°C", "mm", "Faden", spelled(any_text(dice, 15))])
        low = any_number(dice)
        limits = sorted(any_number(dice) for _ in range(4))
        tags.append(
            TagConfig(
                id=f"{asset.id}.{dice.choice(['x', 'Y-1', '_z'])}{number}",
                source=dice.choice(["main", "b"]),
                node=any_text(dice, 60),
                asset=asset.id,
                name=any_text(dice, 40),
                kind=kind,
                canon=canon,
                unit=None if unit is not None and unit_trouble(canon, unit) else unit,
                decimals=dice.choice([None, 0, 3, 9]),
                span=dice.choice([None, (low, low + 1 + abs(low))]),
                deadband=dice.choice([0.0, 0.002, 1e-9]),
                limits=dice.choice([None, Limits(*limits), Limits(h=limits[0]), Limits(ll=limits[0], hh=limits[1])]),
                hysteresis=dice.choice([None, 0.0, 0.25]),
                delay_s=dice.choice([0.0, 12.5]),
                severity=dice.choice([Severities(), Severities(hh=1, ll=1000), Severities(l=5)]),
                enums=dice.choice([None, {}, {"0": any_text(dice, 20), any_text(dice, 20): "x"}]),
                gauge={"2": "manual", any_text(dice, 10): "stale"} if canon == "gauge_status" else None,
            )
        )
    placed = [asset for asset in assets if any(tag.asset == asset.id for tag in tags)]
    return tuple(tags), tuple(placed)


def test_a_list_comes_back_as_it_was_whatever_is_in_it() -> None:
    for seed in range(300):
        tags, assets = any_site(random.Random(seed))
        assert there_and_back(tags, assets) == (tags, assets), seed


def test_tanks_come_back_as_the_tags_they_stand_for() -> None:
    tank = TankSection(
        id="TK-1", source="main", area="North", name="Tank one", map={"level": "L", "product": "P"}, prefix="s=",
        limits=Limits(h=1.0), delay_s=2.0, unit={"level": "M"}, range={"level": (0.0, 16.0)},
    )  # fmt: skip
    pump = TankSection(id="P-1", source="b", area="South", kind="pump", map={"run": "R"})
    tags, assets = resolve_tags(SOURCES, [], [tank, pump])
    assert there_and_back(tags, assets) == (tags, assets)


def test_no_cell_of_an_export_begins_a_formula() -> None:
    for seed in range(50):
        tags, assets = any_site(random.Random(seed))
        rows = list(csv.reader(io.StringIO(export_tags(tags, assets).decode("utf-8-sig"), newline="")))
        assert rows[0] == list(COLUMNS)
        numbers = [n for n, name in enumerate(COLUMNS) if name in {"low", "high", "ll", "l", "h", "hh"}]
        for row in rows[1:]:
            for place, cell in enumerate(row):
                if place not in numbers:  # a negative number is a number everywhere
                    assert cell.lstrip()[:1] not in set("=+-@"), cell


@pytest.mark.parametrize("text", [*ODD, "plain", "", "'=1", "''=1"])
def test_the_guard_comes_off_exactly(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert unguarded("plain 'text'") == "plain 'text'"


HEAD = "id;node;area;unit;low;high;decimals\r\n"


def errors(data: str | bytes, source: str | None = "main") -> list[str]:
    imported = import_tags(data.encode() if isinstance(data, str) else data, source)
    assert bool(imported.errors) != bool(imported.tags)
    assert all(error.endswith(".") for error in imported.errors)
    return imported.errors


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_separators_and_marks(separator: str, mark: bytes) -> None:
    text = 'ID ; "node";Area;;\n"TK-1.level";"ns=2;s=x,y";North;;\n\n;;;\nTK-1.b;"n""2";;;\n'
    data = separator.join(text.split(";")).encode() if separator == ";" else None
    if data is None:
        rows = [
            ["ID ", "node", "Area", "", ""],
            ["TK-1.level", "ns=2;s=x,y", "North", "", ""],
            [],
            ["TK-1.b", 'n"2', ""],
        ]
        out = io.StringIO()
        csv.writer(out, delimiter=separator).writerows(rows)
        data = out.getvalue().encode()
    imported = import_tags(mark + data, "main")
    assert imported.errors == [] and imported.notes == []
    assert [tag["node"] for tag in imported.tags] == ["ns=2;s=x,y", 'n"2']
    assert imported.tags[0]["source"] == "main"


def test_windows_1252_is_taken_and_said() -> None:
    imported = import_tags((HEAD + "TK-1.tov;n;Größe;m³;0;1;2\r\n").encode("cp1252"), "main")
    assert imported.tags[0]["unit"] == "m³" and imported.tags[0]["area"] == "Größe"
    assert "Windows-1252" in imported.notes[0]
    assert "neither UTF-8 nor Windows-1252 (byte 3" in errors(b"id\x81")[0]
    assert "UTF-16" in errors("id;node".encode("utf-16"))[0]


def test_every_fault_is_told_with_row_and_column() -> None:
    rows = [
        "A.1;n;North;;0,5;10;2",  # a decimal comma
        "A.2;n;;;5;1;1.5",
        "A.3;n;South;;;;",
        "A.1;n;;;;;",
        ";n;;;;;",
        "A b;n;;;;;",
        "A.5;n;;;1;;",
        "A.6;n;;;1 000;2 000;x",
        "A.7;n;;;;;;extra",
        "A.8;n;;xxxxxxxxxxxxxxxxxxxxxxxxxxx;;;",
    ]
    told = errors(HEAD + "\r\n".join(rows))
    assert told[0] == (
        'row 2, column 5 (low): "0,5" is no number; write a decimal point, not a comma, and no sign between thousands.'
    )
    assert [error.partition(":")[0] for error in told[1:]] == [
        "row 3, column 7 (decimals)",
        "row 6, column 1 (id)",
        "row 7, column 1 (id)",
        "row 8, column 6 (high)",
        "row 9, column 5 (low)",
        "row 9, column 6 (high)",
        "row 9, column 7 (decimals)",
        "row 10, column 8",
        "row 11, column 4 (unit)",
    ]


def test_assets_are_placed_once() -> None:
    told = errors("id,node,area,asset_kind\nA.1,n,North,\nA.2,n,South,\nA.3,n,,tank\nA.1,n,,\n")
    assert told == [
        'row 3, column 3 (area): "South" differs from "North" of A in row 2.',
        "row 4, column 4 (asset_kind): row 2 is the first of A: say it there.",
        'row 5, column 1 (id): "A.1" is in row 2 already.',
    ]
    assert "configured already" in import_tags(b"id,node\nA.1,n\n", "main", known=["A.1"]).errors[0]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("", "The file is empty"),
        ("id,node\n", "no row with a tag"),
        ("id,name\nx,y\n", 'the column "node" is missing'),
        ("id,node,nodes\nx,y,z\n", '"nodes" is no column; known are id, source, node'),
        ("id,node,id\nx,y,z\n", 'the column "id" is there twice'),
        ('id,node\n"x,y\n', "cannot be read"),
        ("id,node\nx,\0\n", "NUL"),
        ("id,node\nx,n\n", "source"),
        ("id,node,canon\nx,n,levle\n", 'canon "levle" is no canonical key'),
        ("id,node,canon,unit\nx,n,level,bar\n", '"bar" is a pressure, and level is a length'),
        ("id,node,hh,h\nx,n,1,2\n", "limits must rise"),
        ("id,node,sev_hh\nx,n,2000\n", "column 3 (sev_hh)"),
        ("id,node,low,high\nx,n,nan,1e999\n", '"nan" is no number'),
        ("id,node,enums\nx,n,0=off\n", "column 3 (enums): write it as"),
        ("id,node,kind\nx,n,float\n", "column 3 (kind)"),
        (f"id,node\nx,{'n' * (1024 * 1024 + 1)}\n", "Line 2 cannot be read: field larger"),
        ("id,node,area\n" + "".join(f"x{n},n,A\n" for n in range(MAX_ROWS + 1)), f"more than {MAX_ROWS} rows"),
    ],
)
def test_what_cannot_be_is_one_sentence(data: str, says: str) -> None:
    source = None if says == "source" else "main"
    told = errors(data, source)
    assert any(says in error for error in told), told[:3]


def test_at_most_fifty_faults_are_told() -> None:
    told = errors("id,node\n" + "a b,n\n" * 60)
    assert len(told) == 51 and "50 faults or more" in told[-1]


def test_twenty_thousand_rows() -> None:
    rows = "".join(f"T{n}.x,n{n},North\n" for n in range(MAX_ROWS))
    imported = import_tags(f"id,node,area\n{rows}".encode(), "main")
    assert imported.errors == [] and len(imported.tags) == MAX_ROWS
