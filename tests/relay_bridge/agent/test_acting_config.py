"""``[[write]]`` and ``[[command]]`` read strictly: every entry that cannot be meant is named in one sentence."""

from __future__ import annotations

import pytest

from relay_bridge.agent.acting_config import MAX_ENTRIES, of_type
from relay_bridge.agent.config import load_config
from relay_bridge.agent.errors import ConfigError
from tests.relay_bridge.agent.acting.support import OPEN_HEAD, PLANT, WRITES
from tests.relay_bridge.agent.support import HEAD, SiteFolder

SP = '[[write]]\ntag = "P-101.sp"\ntype = "double"\nmin = 20.0\nmax = 110.0\n'
START = (
    '[[command]]\nid = "P-101.start"\nnode = "n"\nmethod = "m"\nexpect = { tag = "P-101.run", equals = false }\n'
)  # fmt: skip
WRONG: list[tuple[str, str]] = [
    (SP + "colour = 1", 'unknown key "colour"'),
    (SP + SP, "two entries"),
    (SP.replace("P-101.sp", "P-101.none"), '"P-101.none" is no configured tag'),
    (SP.replace("P-101.sp", "P-101 sp"), "tag: expected letters"),
    (SP.replace('"double"', '"decimal"'), "type: invalid"),
    (SP.replace('"double"', '"boolean"'), 'does not go with a tag of kind "number"'),
    (SP.replace("min = 20.0\n", ""), '"min" and "max"'),
    (SP.replace("110.0", "10.0"), "min must not be above max"),
    (SP.replace("110.0", "nan"), "finite"),
    (SP.replace("110.0", "inf"), "finite"),
    (SP.replace("110.0", "1e300"), "beyond what a double"),
    (SP.replace('"double"', '"byte"').replace("110.0", "256"), "beyond what a byte"),
    (SP + "step = 0", "step must be above 0"),
    (SP + "step = -0.5", "step must be above 0"),
    (SP + "max_step = 0", "max_step must be above 0"),
    (SP + "tolerance = -1", "tolerance"),
    (SP + "choices = []", "choices"),
    (SP + "choices = [120.0]", "choices: 120.0 is no double between min and max"),
    (SP + "choices = [true]", "choices: true is no double"),
    (SP + "ttl_s = 61", "ttl_s"),
    (SP + "settle_s = 31", "settle_s"),
    (SP + "reauth_s = 301", "reauth_s"),
    (SP + 'confirm = "shout"', "confirm"),
    (SP + 'scope = "data:live"', "scope"),
    (SP + 'interlock = [ { tag = "P-101.none", equals = 1 } ]', "interlock"),
    (SP + 'interlock = [ { tag = "P-101.mode", equals = "1" } ]', '"1" is nothing that the tag'),
    (SP + 'interlock = [ { tag = "P-101.run", equals = 1 } ]', "1 is nothing that the tag"),
    (SP + "interlock = [ { tag = \"P-101.mode\" } ]", 'lacks the key "equals"'),
    ('[[write]]\ntag = "P-101.grade"\ntype = "string"', '"choices"'),
    ('[[write]]\ntag = "P-101.run"\ntype = "boolean"\nmin = 0', "min is for numbers"),
    (START + START, "another command already"),
    (START.replace('"P-101.start"', '"P-101.sp"', 1), "is a tag or another command"),
    (START.replace("false", "0"), "0 is nothing that the tag"),
    (START + "done = 1", "1 is nothing that the tag"),
    (START + 'scope = "setpoint:write"', "scope"),
    (START.replace('method = "m"\n', ""), 'lacks the key "method"'),
    ('[status]\nlisten = "0.0.0.0:80"', "listen"),
    ('[status]\nlisten = "127.0.0.1:99999"', "above 65535"),
    ('[status]\nlisten = "localhost:80"', "an address of this machine"),
    ("[limits]\nwrites_per_minute_site = 61", "writes_per_minute_site"),
]  # fmt: skip


@pytest.mark.parametrize("head", [HEAD, OPEN_HEAD])
def test_what_cannot_be_meant_is_named(site: SiteFolder, head: str) -> None:
    """Whether writing is allowed or not: an entry that waits must be right too."""
    for text, words in WRONG:
        site.configure(PLANT, text, head=head)
        with pytest.raises(ConfigError) as error:
            load_config(site.toml)
        assert words in str(error.value), (text, str(error.value))


def test_entries_are_named_by_their_tag(site: SiteFolder) -> None:
    site.configure(PLANT, SP + "step = 0")
    with pytest.raises(ConfigError, match=r'^\[\[write\]\] "P-101.sp": step'):
        load_config(site.toml)


def test_sound_entries_and_their_defaults(site: SiteFolder) -> None:
    site.configure(PLANT, WRITES, head=OPEN_HEAD)
    config = load_config(site.toml)
    sp, mode, *_ = config.writes
    assert (sp.ttl, sp.settle, sp.min_interval, sp.confirm, sp.reauth) == (10.0, 0.3, 5.0, "hold", 300)
    assert (mode.confirm, mode.reauth, mode.choices) == ("pin", 120, (0, 1, 2))
    assert [command.id for command in config.commands] == ["P-101.start", "P-101.stop"]
    assert (config.limits.writes_per_minute_user, config.limits.writes_per_minute_site) == (6, 30)
    assert config.acting.memory == str(site.folder / "state/acting.sqlite3")
    assert config.switch.folder == str(site.folder / "state/switch")
    assert config.status.listen is None and not config.status.may_open


def test_there_is_an_end_to_the_list(site: SiteFolder) -> None:
    text = "".join(START.replace("P-101.start", f"P-101.c{number}") for number in range(MAX_ENTRIES + 1))
    site.configure(PLANT, text)
    with pytest.raises(ConfigError, match="500 at most"):
        load_config(site.toml)


@pytest.mark.parametrize(
    ("type_", "right", "wrong"),
    [
        ("double", [1, 1.5, -2.0, 2**53], [True, "1", None, float("nan"), float("inf"), 1e17, 10**400, [1]]),
        ("int16", [0, -(2**15), 2**15 - 1], [1.0, True, 2**15, -(2**15) - 1, "0"]),
        ("uint64", [0, 2**53], [-1, 2**53 + 1, 0.0]), ("byte", [0, 255], [-1, 256]), ("sbyte", [-128, 127], [128]),
        ("boolean", [True, False], [0, 1, "true", None]), ("string", ["", "A" * 64], ["A" * 65, 1, True, None]),
    ],
)  # fmt: skip
def test_types_are_exact(type_: str, right: list[object], wrong: list[object]) -> None:
    assert [value for value in right if not of_type(type_, value)] == []  # type: ignore[arg-type]
    assert [value for value in wrong if of_type(type_, value)] == []  # type: ignore[arg-type]


def test_a_mode_that_is_read_as_text_may_be_asked_for_by_its_number(site: SiteFolder) -> None:
    """The standard mode of a pump is a text; what the source keeps as 1 reads "1" there."""
    mode = '[[tag]]\nid = "P-101.auto"\nsource = "main"\ncanon = "mode"\narea = "North farm"\n'
    lock = 'interlock = [ { tag = "P-101.auto", equals = 1 } ]\n'
    site.configure(PLANT + mode, SP.replace("[[write]]\n", "[[write]]\n" + lock))
    (entry,) = load_config(site.toml).writes
    assert entry.interlock[0].equals == "1"
    site.configure(PLANT + mode, SP.replace("[[write]]\n", "[[write]]\n" + lock.replace("1 }", "true }")))
    with pytest.raises(ConfigError, match='of kind "text" can read'):
        load_config(site.toml)
