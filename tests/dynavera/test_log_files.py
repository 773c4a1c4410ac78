from pathlib import Path

from dynavera.log_files import MAX_LOG_BYTES, TAIL_BYTES, LogFiles


def test_large_log_is_rotated_when_opened(tmp_path: Path) -> None:
    logs = LogFiles(tmp_path)
    logs.path("api").write_bytes(b"x" * (MAX_LOG_BYTES + 1))

    with logs.open("api") as log:
        log.write(b"new\n")

    assert logs.path("api").read_bytes() == b"new\n"
    assert (tmp_path / "api.log.1").stat().st_size == MAX_LOG_BYTES + 1


def test_log_is_rotated_while_a_process_writes_to_it(tmp_path: Path) -> None:
    logs = LogFiles(tmp_path)
    with logs.open("api") as log:
        log.write(b"x" * (MAX_LOG_BYTES + 1))
        log.flush()

        logs.rotate_if_large("api")
        log.write(b"next line\n")

    assert logs.path("api").read_bytes() == b"next line\n"


def test_last_line_skips_blank_lines(tmp_path: Path) -> None:
    logs = LogFiles(tmp_path)
    logs.path("api").write_text("one\n" + "long " * TAIL_BYTES + "\nthe reason\n\n")

    assert logs.last_line("api") == "the reason"


def test_last_line_ignores_an_earlier_run(tmp_path: Path) -> None:
    logs = LogFiles(tmp_path)
    logs.path("api").write_text("the reason of yesterday\n")

    assert logs.last_line("api", after=logs.size("api")) == "nothing"
