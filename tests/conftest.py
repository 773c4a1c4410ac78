"""What holds for every test."""

import signal

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell that runs the tests in the background ignores Ctrl-C for all that they start, where some must hear it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
