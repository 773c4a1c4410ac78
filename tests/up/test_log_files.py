from pathlib import Path

from dynavera.up import log_files
from dynavera.up.log_files import LARGEST_LOG, LogFiles


def test_a_large_log_starts_anew_with_the_part(tmp_path: Path) -> None:
    logs = LogFiles(tmp_path)
    logs.path("api").write_bytes(b"x" * (LARGEST_LOG + 1))

    with logs.appending("api") as log:
        log.write(b"new\n")

    assert logs.path("api").read_bytes() == b"new\n"
    assert (tmp_path / "api.log.1").stat().st_size == LARGEST_LOG + 1


def test_a_log_is_kept_small_while_it_is_written_to(tmp_path: Path) -> None:
    logs = LogFiles(tmp_path)
    with logs.appending("api") as log:
        log.write(b"x" * (LARGEST_LOG + 1))
        log.flush()

        logs.keep_small("api")
        log.write(b"goes on\n")

    assert logs.path("api").read_bytes() == b"goes on\n"


def test_the_last_words_of_a_part_are_its_last_line_that_is_not_blank(tmp_path: Path) -> None:
    logs = LogFiles(tmp_path)
    logs.path("api").write_text("one\n" + "long " * log_files.LAST_WORDS + "\nthe reason\n\n")

    assert logs.last_line("api") == "the reason"


def test_what_a_part_said_in_an_earlier_life_does_not_count(tmp_path: Path) -> None:
    logs = LogFiles(tmp_path)
    logs.path("api").write_text("the reason of yesterday\n")

    assert logs.last_line("api", after=logs.size("api")) == "nothing"
