"""A process that speaks as the process of a model does: `fake_model.py BEHAVIOUR`, for what real ones seldom do.

`writes` says its words and ends, `deaf` writes on and on whatever it is told, `dies` ends in the middle of its answer,
`hangs` falls silent there, `tells` answers with the names of its environment.
"""

import itertools
import os
import sys
import time

from mcp_service.generators.gpt4all.messages import Ended, Loaded, Text, Unusable, Write, line, order

WORDS = ("Light ", "passes.")


def main() -> None:
    behaviour = sys.argv[1]
    if behaviour == "unusable":
        say(Unusable(reason="it is of paper"))
        return
    say(Loaded(context=100))
    for received in sys.stdin.buffer:
        message = order.validate_json(received)
        if isinstance(message, Write):
            answer(behaviour, message)


def answer(behaviour: str, write: Write) -> None:
    match behaviour:
        case "deaf":
            for _ in itertools.count():
                say(Text(text="on and "))
                time.sleep(0.01)
        case "dies":
            say(Text(text=WORDS[0]))
            os._exit(7)
        case "hangs":
            say(Text(text=WORDS[0]))
            time.sleep(600)
        case "tells":
            say(Text(text=" ".join(sorted(os.environ))))
        case _:
            for word in WORDS:
                say(Text(text=word))
    say(Ended(reason="stop", prompt_tokens=len(write.user), completion_tokens=len(WORDS)))


def say(message: Loaded | Unusable | Text | Ended) -> None:
    sys.stdout.buffer.write(line(message))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
