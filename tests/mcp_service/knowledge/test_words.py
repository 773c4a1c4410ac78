"""Words and codes of texts and questions."""

import pytest

from mcp_service.knowledge.words import normalize, read_question, read_text


@pytest.mark.parametrize(
    "text", ["BX-117", "bx117", "BX/117", "BX\u2011117", "BX\u2013117", "(BX_117)", "B\u00adX-117."]
)
def test_a_code_is_the_same_in_each_spelling(text: str) -> None:
    assert read_text(text).codes == ["bx_117"]
    assert read_question(text).codes == ["bx_117"]


def test_a_code_is_also_its_parts() -> None:
    found = read_text("PX-722-E")

    assert found.stems == ["px", "722", "e"]
    assert found.codes == ["px_722_e"]
    assert found.inner_codes == ["px_722", "722_e"]


def test_different_codes_stay_different() -> None:
    codes = ["A1-12", "A11-2", "1.2.3", "12.3", "#42", "C#", "C++", "net.ipv4", "user_id", "10:30", "192.168.0.1"]

    assert len({code for text in codes for code in read_text(text).codes}) == len(codes)


@pytest.mark.parametrize(
    "code",
    ["BX-117", "XK-QZ", "v2.4.1", "E42", "user_id", "os.path", "/etc/ssh/sshd", "a::b", "#42", "C++", "ISO 9001"],
)
def test_codes_in_a_question_are_recognized(code: str) -> None:
    assert len(read_question(f"Where is {code}?").codes) == 1


@pytest.mark.parametrize(
    "text", ["near-infrared", "and/or", "1.5", "20 mm", "20mm", "3rd", "10-20", "U.S.", "e.g.", "10:1"]
)
def test_ordinary_words_and_quantities_are_not_codes(text: str) -> None:
    assert read_question(f"What about {text} light?").codes == []


@pytest.mark.parametrize(
    "quoted", ['"mean time"', "“mean time”", "„mean time“", "«mean time»", "»mean time«", "「mean time」"]
)
def test_quoted_words_are_a_phrase(quoted: str) -> None:
    assert read_question(f"What is {quoted}?").phrases == [["mean", "time"]]


def test_encoded_data_is_not_indexed() -> None:
    found = read_text("a" * 61 + " " + "1a" * 31)

    assert (found.stems, found.codes, found.inner_codes) == ([], [], [])


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("O\u0308ffnung", "Öffnung"),
        ("ﬁle Ⅳ ｶﾅ ＡＢ", "file IV カナ AB"),
        ("ve\u00adlo\u200bci\u2060ty", "velocity"),
        ("٤٢ ४२ ๔๒ ４２", "42 42 42 42"),
        ("٣٫٥", "3.5"),
        ("مُضَخّة أحمد", "مضخة احمد"),
        ("ещё", "еще"),
    ],
)
def test_differences_that_no_reader_means_are_removed(text: str, normal: str) -> None:
    assert normalize(text) == normal


@pytest.mark.parametrize(
    ("text", "stems"),
    [
        ("密码锁", ["密码", "码锁"]),
        ("暗証番号", ["暗証", "証番", "番号"]),
        ("锁", ["锁"]),
        ("서버를 보일러는 물은", ["서버", "보일", "일러", "물"]),
        ("ที่ดี", ["ที่ดี"]),
        ("BX-117号", ["bx", "117", "号"]),
        ("स्थान", ["स्थान"]),
    ],
)
def test_scripts_without_blanks_have_pairs_of_characters(text: str, stems: list[str]) -> None:
    assert read_text(text).stems == stems


def test_words_of_questions_leave_out_the_stop_words_of_their_language() -> None:
    assert read_question("Wo ist der Schlüssel für die Pumpe?").words == ["schlüssel", "pumpe"]
    assert read_question("离心机的密码锁是什么？").words == ["离心", "心机", "密码", "码锁"]
    assert read_question("金庫の番号は何ですか").words == ["金庫", "番号"]


def test_a_paragraph_quotes_in_passing() -> None:
    paragraph = " ".join(f"term{chr(97 + number)}" for number in range(20))

    assert read_question(f'{paragraph} "mean time"').phrases == []
