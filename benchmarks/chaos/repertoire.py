"""Which scenes are played: all of them, or a few that stand for them."""

from benchmarks.chaos.faults import Cut, DatabaseLocked, DiskFull, Fault, Freeze, Kill, KillUp, Nothing, can_mount
from benchmarks.chaos.phases import COLUMNS, Phase
from benchmarks.chaos.product import PARTS
from benchmarks.chaos.proxy import Mode
from benchmarks.chaos.scenes import Scene

BAD_MODES = (Mode.DELAY, Mode.BLACK_HOLE, Mode.RESET, Mode.DROP_ANSWERS)
LINKS = ("client", "temporal", "mcp", "model")
UNHELD = tuple(phase for phase in COLUMNS if phase is not Phase.RETRIEVING)
"""To hold retrieval, the link to the MCP service must be ours; and a hold there would hold stops of the others up."""

CROWD = (Phase.DELTAS,) * 20


def matrix(freezes: tuple[float, ...] = (5, 60)) -> list[Scene]:
    """Every fault in every phase."""
    faults: list[Fault] = [Nothing(), *(Kill((part,)) for part in PARTS), Kill(PARTS)]
    faults += [Freeze(part, seconds) for seconds in freezes for part in PARTS]
    faults += [Cut(link, mode, 8) for link in LINKS for mode in BAD_MODES]
    faults.append(DatabaseLocked(10))
    anew = Scene(Kill(("mcp",)), phases=(Phase.PROMPT, Phase.DELTAS, Phase.LAST), answers_anew=True)
    full = [Scene(DiskFull(10), "together", UNHELD)] if can_mount() else []
    return [
        *(Scene(fault) for fault in faults),
        anew,
        Scene(Kill(PARTS), "together", UNHELD),
        Scene(KillUp(), "together", UNHELD),
        *full,
    ]


def stops() -> list[Scene]:
    """A stop in every phase, while something is wrong."""
    faults: list[Fault] = [
        Nothing(),
        *(Kill((part,)) for part in PARTS),
        Freeze("mcp", 12),
        Freeze("worker", 5),
        Cut("temporal", Mode.BLACK_HOLE, 8),
        Cut("model", Mode.BLACK_HOLE, 8),
        DatabaseLocked(10),
    ]
    return [
        *(Scene(fault, phases=UNHELD, stops=True) for fault in faults),
        *(Scene(fault, phases=(Phase.RETRIEVING,), stops=True) for fault in faults),
        Scene(Nothing("none, 20 at once"), phases=CROWD, stops=True),
    ]


def short() -> list[Scene]:
    """A few scenes that stand for the rest, in less than five minutes."""
    return [
        Scene(Kill(("worker",))),
        Scene(Kill(("mcp",))),
        Scene(Kill(("temporal",))),
        Scene(Freeze("mcp", 5)),
        Scene(Cut("client", Mode.DROP_ANSWERS, 4)),
        Scene(Cut("temporal", Mode.RESET, 4)),
        Scene(Cut("model", Mode.RESET, 3)),
        Scene(Kill(("mcp",)), phases=(Phase.DELTAS,), answers_anew=True),
        Scene(Nothing(), phases=UNHELD, stops=True),
        Scene(Nothing(), phases=(Phase.RETRIEVING,), stops=True),
        Scene(Kill(("worker",)), phases=UNHELD, stops=True),
        Scene(Kill(PARTS), "together", UNHELD),
    ]
