"""How much is measured: the full run behind docs/benchmarks.md, a quick one, and a tiny one for the tests."""

from __future__ import annotations

from dataclasses import dataclass, replace

TANKS = 50  # levels on the screen that is measured; each tank also has a level rate, on which its derived state rests
FEW = 5  # tags that change in the second case


@dataclass(frozen=True)
class Size:
    """``*_seconds`` is how long one figure is looked at, ``*_rounds`` how often; rounds of two sides alternate."""

    servers: tuple[str, ...]
    changing: tuple[int, ...]  # how many levels change once a second, one case after the other
    screens: tuple[str, ...]  # cases of screen_bytes.py
    sockets: tuple[int, ...]
    in_flight: tuple[int, ...]
    read_rounds: int
    read_seconds: float
    fan_out_rounds: int
    fan_out_seconds: float
    idle_seconds: float
    screen_seconds: float
    weight_rounds: int  # first visits of each page on a slow network
    truth_seconds: float  # of faults coming and going; --truth-minutes says it otherwise
    settle_seconds: float  # after another number of tags changes: a tick of the agent's and one of the view's
    memory_seconds: float  # under way with all sockets, before the memory is looked at
    relay_rounds: int
    relay_seconds: float
    idle_sockets: int
    unread_count: int  # ends that do not read, of each kind
    unread_seconds: float
    slow_heads: int
    half_open: int
    junk_each_second: int
    bad_day_rounds: int
    bad_day_seconds: float
    revocations: int  # of each of the seven ways
    untold_revocations: int  # of each way, where nobody tells of it
    agent_items: tuple[int, ...]  # of a process server, each changing once a second
    agent_cases: tuple[tuple[int, bool], ...]  # publish_ms of the source, and whether the agent's ring records all
    agent_tags: tuple[int, ...]  # configured
    agent_rounds: int
    agent_seconds: float
    agent_returns: int  # of the process server, after it was killed
    agent_history: tuple[int, int]  # tags, and hours of one sample a second for eight of them
    agent_flushes: int  # of the history's ring, two seconds each
    alarm_burst: int
    alarm_seconds: float  # of 100 alarms a second
    frozen: bool  # whether a web process is stopped for longer than the lease


FULL = Size(
    servers=("daphne", "uvicorn"),
    changing=(TANKS, FEW),
    screens=("all", "few", "none", "moving"),
    sockets=(200, 1000),
    in_flight=(1, 16, 64),
    read_rounds=3,
    read_seconds=1.2,
    fan_out_rounds=3,
    fan_out_seconds=4.0,
    idle_seconds=3.0,
    screen_seconds=12.0,
    weight_rounds=3,
    truth_seconds=180.0,
    settle_seconds=1.3,
    memory_seconds=4.0,
    relay_rounds=3,
    relay_seconds=0.6,
    idle_sockets=1000,
    unread_count=20,
    unread_seconds=4.0,
    slow_heads=500,
    half_open=5000,
    junk_each_second=500,
    bad_day_rounds=3,
    bad_day_seconds=0.6,
    revocations=100,
    untold_revocations=10,
    agent_items=(2000, 5000),
    agent_cases=((1000, False), (1000, True), (250, False)),
    agent_tags=(1000, 10_000, 20_000),
    agent_rounds=3,
    agent_seconds=5.0,
    agent_returns=5,
    agent_history=(2000, 24),
    agent_flushes=60,
    alarm_burst=4000,
    alarm_seconds=60.0,
    frozen=True,
)
QUICK = replace(
    FULL,
    sockets=(50, 200),
    read_rounds=2,
    read_seconds=0.5,
    fan_out_rounds=1,
    fan_out_seconds=3.0,
    idle_seconds=2.0,
    screen_seconds=5.0,
    weight_rounds=1,
    truth_seconds=60.0,
    memory_seconds=2.0,
    relay_rounds=2,
    relay_seconds=0.4,
    bad_day_rounds=1,
    revocations=20,
    untold_revocations=5,
    agent_items=(2000,),
    agent_tags=(1000, 10_000),
    agent_rounds=2,
    agent_seconds=3.0,
    agent_returns=2,
    agent_history=(500, 6),
    agent_flushes=20,
    alarm_seconds=10.0,
)
TINY = Size(
    servers=("daphne",),
    changing=(TANKS,),
    screens=("all", "none"),
    sockets=(4,),
    in_flight=(1, 16),
    read_rounds=1,
    read_seconds=0.05,
    fan_out_rounds=1,
    fan_out_seconds=1.1,
    idle_seconds=0.1,
    screen_seconds=1.1,
    weight_rounds=1,
    truth_seconds=25.0,
    settle_seconds=0.2,
    memory_seconds=0.1,
    relay_rounds=1,
    relay_seconds=0.05,
    idle_sockets=4,
    unread_count=1,
    unread_seconds=0.2,
    slow_heads=4,
    half_open=4,
    junk_each_second=50,
    bad_day_rounds=1,
    bad_day_seconds=0.05,
    revocations=1,
    untold_revocations=1,
    agent_items=(20,),
    agent_cases=((250, True),),
    agent_tags=(20, 40),
    agent_rounds=1,
    agent_seconds=1.5,
    agent_returns=1,
    agent_history=(20, 1),
    agent_flushes=3,
    alarm_burst=40,
    alarm_seconds=2.0,
    frozen=False,
)
SIZES = {"full": FULL, "quick": QUICK, "tiny": TINY}
