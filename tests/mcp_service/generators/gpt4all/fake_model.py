"""`fake_model.py BEHAVIOUR`: a process with the protocol of a model's process, for what real ones rarely do.

`writes` completes a short answer, `ignores_stop` never ends, `dies` exits in the middle of its answer, `hangs` stops
sending there, `prints_environment` answers with the names of its environment variables.
"""

import itertools
import os
import sys
import time

from mcp_service.generators.gpt4all.messages import Ended, Loaded, Text, Unusable, Write, command_adapter, encode

WORDS = ("Light ", "passes.")


def main() -> None:
    behaviour = sys.argv[1]
    if behaviour == "unusable":
        send(Unusable(reason="not a real model"))
        return
    send(Loaded(context=100))
    for received in sys.stdin.buffer:
        message = command_adapter.validate_json(received)
        if isinstance(message, Write):
            answer(behaviour, message)


def answer(behaviour: str, write: Write) -> None:
    match behaviour:
        case "ignores_stop":
            for _ in itertools.count():
                send(Text(text="on and "))
                time.sleep(0.01)
        case "dies":
            send(Text(text=WORDS[0]))
            os._exit(7)
        case "hangs":
            send(Text(text=WORDS[0]))
            time.sleep(600)
        case "prints_environment":
            send(Text(text=" ".join(sorted(os.environ))))
        case _:
            for word in WORDS:
                send(Text(text=word))
    send(Ended(reason="stop", prompt_tokens=len(write.user), completion_tokens=len(WORDS)))


def send(message: Loaded | Unusable | Text | Ended) -> None:
    sys.stdout.buffer.write(encode(message))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
