"""The scenarios of a run: all of them, or a representative few."""

from benchmarks.chaos.faults import (
    BusCut,
    BusNoise,
    DatabaseLocked,
    DiskFull,
    Fault,
    Freeze,
    Kill,
    KillUp,
    LinkFault,
    NoFault,
    can_mount,
)
from benchmarks.chaos.phases import COLUMNS, Phase
from benchmarks.chaos.product import PARTS
from benchmarks.chaos.proxy import Mode
from benchmarks.chaos.scenario import Scenario

FAULTY_MODES = (Mode.DELAY, Mode.BLACK_HOLE, Mode.RESET, Mode.DROP_RESPONSES)
LINKS = ("client", "temporal", "mcp", "model")
WITHOUT_RETRIEVING = tuple(phase for phase in COLUMNS if phase is not Phase.RETRIEVING)
"""Holding executions in retrieval needs our link to the MCP service, and would delay stops of the others."""

TWENTY_AT_ONCE = (Phase.DELTAS,) * 20


def matrix() -> list[Scenario]:
    """Every fault in every phase."""
    faults: list[Fault] = [NoFault(), *(Kill((part,)) for part in PARTS), Kill(PARTS)]
    faults += [Freeze(part, seconds) for seconds in (5, 60) for part in PARTS]
    faults += [LinkFault(link, mode, 8) for link in LINKS for mode in FAULTY_MODES]
    faults += [BusNoise(8), BusCut(8), DatabaseLocked(10)]
    restarted = Scenario(Kill(("mcp",)), phases=(Phase.PROMPT, Phase.DELTAS, Phase.LAST), restarts_answer=True)
    disk_full = [Scenario(DiskFull(10), "together", WITHOUT_RETRIEVING)] if can_mount() else []
    return [
        *(Scenario(fault) for fault in faults),
        restarted,
        Scenario(Kill(PARTS), "together", WITHOUT_RETRIEVING),
        Scenario(KillUp(), "together", WITHOUT_RETRIEVING),
        *disk_full,
    ]


def stops() -> list[Scenario]:
    """A stop in every phase, during a fault."""
    faults: list[Fault] = [
        NoFault(),
        *(Kill((part,)) for part in PARTS),
        Freeze("mcp", 12),
        Freeze("worker", 5),
        LinkFault("temporal", Mode.BLACK_HOLE, 8),
        LinkFault("model", Mode.BLACK_HOLE, 8),
        DatabaseLocked(10),
    ]
    return [
        *(Scenario(fault, phases=WITHOUT_RETRIEVING, stops=True) for fault in faults),
        *(Scenario(fault, phases=(Phase.RETRIEVING,), stops=True) for fault in faults),
        Scenario(NoFault("none, 20 at once"), phases=TWENTY_AT_ONCE, stops=True),
    ]


def short() -> list[Scenario]:
    """A representative few, in less than five minutes."""
    return [
        Scenario(Kill(("worker",))),
        Scenario(Kill(("mcp",))),
        Scenario(Kill(("temporal",))),
        Scenario(Freeze("mcp", 5)),
        Scenario(LinkFault("client", Mode.DROP_RESPONSES, 4)),
        Scenario(LinkFault("temporal", Mode.RESET, 4)),
        Scenario(LinkFault("model", Mode.RESET, 3)),
        Scenario(BusNoise(4)),
        Scenario(Kill(("mcp",)), phases=(Phase.DELTAS,), restarts_answer=True),
        Scenario(NoFault(), phases=WITHOUT_RETRIEVING, stops=True),
        Scenario(NoFault(), phases=(Phase.RETRIEVING,), stops=True),
        Scenario(Kill(("worker",)), phases=WITHOUT_RETRIEVING, stops=True),
        Scenario(Kill(PARTS), "together", WITHOUT_RETRIEVING),
    ]
