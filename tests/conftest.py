"""Setup for all tests."""

import signal

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # Tests in a shell's background job inherit an ignored SIGINT, and so would the processes that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
