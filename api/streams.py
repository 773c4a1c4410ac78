"""What is shown live."""

from dataclasses import dataclass

from api.arrivals import Arrivals
from api.changes import Changes
from api.relay import Relay


@dataclass(frozen=True)
class Streams:
    """The live sides of one API process: logs, new executions of an agent, changes of all executions."""

    relay: Relay
    arrivals: Arrivals
    changes: Changes
