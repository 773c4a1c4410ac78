"""The lexical index: words, scopes, changes."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from dynavera.records.change_log import CurrentDocument, IndexedPassage, Scope
from mcp_service.knowledge import bm25
from mcp_service.knowledge.bm25 import Bm25Index

SCOPE = Scope(UUID(int=1), "default")
MAX_OPEN = 2


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Bm25Index]:
    with closing(Bm25Index(tmp_path, MAX_OPEN)) as opened:
        yield opened


def document(*texts: str, heading: str = "", scope: Scope = SCOPE, document_id: UUID | None = None) -> CurrentDocument:
    return CurrentDocument(scope, document_id or uuid4(), [IndexedPassage(uuid4(), heading, text) for text in texts])


def ids(found: CurrentDocument) -> list[UUID]:
    return [passage.id for passage in found.passages]


def hits(index: Bm25Index, query: str, scope: Scope = SCOPE) -> list[UUID]:
    return [hit.passage_id for hit in index.search(scope, query, 10)]


def test_words_match_in_any_form_case_and_accent(index: Bm25Index) -> None:
    mapping, cafe, muller = document("Mapping brains"), document("Au café"), document("Mu\u0308ller")

    index.apply([mapping, cafe, muller], 3)

    assert hits(index, "How is a BRAIN mapped?") == ids(mapping)
    assert hits(index, "cafe") == ids(cafe)
    assert hits(index, "Müller") == hits(index, "muller") == ids(muller)


def test_headings_are_searched(index: Bm25Index) -> None:
    dated = document("It was introduced in 1977.", heading="Near-infrared spectroscopy")

    index.apply([dated, document("Trains were introduced in 1804.")], 2)

    assert hits(index, "When was spectroscopy introduced?")[0] == ids(dated)[0]


def test_rarer_words_score_higher(index: Bm25Index) -> None:
    common = [document(f"light number {number}") for number in range(5)]
    rare = document("oxygen number 9")

    index.apply([*common, rare], 6)
    found = index.search(SCOPE, "light or oxygen", 10)

    assert found[0].passage_id == ids(rare)[0]
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)


def test_an_interrupted_write_is_repeated(tmp_path: Path) -> None:
    gone, kept, new = document("light of the lamp"), document("light of the brain"), document("light of the sun")
    deleted = CurrentDocument(SCOPE, gone.document_id, [])
    with closing(Bm25Index(tmp_path, MAX_OPEN)) as index:
        index.apply([gone, kept], 2)
        [head] = tmp_path.rglob("meta.json")
        before = head.read_bytes()
        index.apply([deleted, new], 4)
    # A write creates its files first, and the file that lists them last.
    head.write_bytes(before)

    with closing(Bm25Index(tmp_path, MAX_OPEN)) as index:
        index.apply([deleted, new], 4)
        found = hits(index, "light")

    assert set(found) == {*ids(kept), *ids(new)}


def test_scopes_are_isolated_from_each_other(index: Bm25Index) -> None:
    mine = document("light of the brain", "light of the lamp lamp lamp")
    index.apply([mine], 1)
    alone = index.search(SCOPE, "light lamp", 10)

    others = [Scope(UUID(int=2), "default"), Scope(UUID(int=1), "Default"), Scope(UUID(int=1), "a..b-")]
    index.apply([document("lamp " * 20, scope=scope) for scope in others for _ in range(5)], 16)

    assert index.search(SCOPE, "light lamp", 10) == alone
    assert not set(hits(index, "lamp", others[0])) & set(ids(mine))
    assert hits(index, "lamp", Scope(UUID(int=3), "default")) == []


def test_a_replaced_document_leaves_nothing_behind(index: Bm25Index) -> None:
    old = document("old light")
    new = document("new light", document_id=old.document_id)

    index.apply([old], 1)
    index.apply([new], 2)
    index.apply([new], 2)

    assert hits(index, "light") == ids(new)
    assert hits(index, "old") == []


def test_a_deleted_document_is_gone(index: Bm25Index) -> None:
    gone = document("light")
    index.apply([gone, document("lamp")], 2)

    index.apply([document(document_id=gone.document_id), document(scope=Scope(UUID(int=7), "never-was"))], 4)

    assert hits(index, "light") == []
    assert index.revision() == 4


def test_an_index_survives_a_restart(tmp_path: Path) -> None:
    kept = document("light")
    with closing(Bm25Index(tmp_path, MAX_OPEN)) as index:
        index.apply([kept], 1)

    with closing(Bm25Index(tmp_path, MAX_OPEN)) as again:
        found = hits(again, "light")
        reached = again.revision()

    assert (found, reached) == (ids(kept), 1)


def test_a_cleared_index_is_empty_and_can_be_filled_again(index: Bm25Index) -> None:
    index.apply([document("light")], 5)
    again = document("light")

    index.clear()
    emptied = (index.revision(), hits(index, "light"))
    index.apply([again], 1)

    assert emptied == (0, [])
    assert hits(index, "light") == ids(again)


def test_scopes_beyond_the_open_files_limit_are_found(index: Bm25Index) -> None:
    documents = [document(f"light {number}", scope=Scope(UUID(int=number), "default")) for number in range(5)]

    index.apply(documents[:3], 3)
    index.apply(documents, 5)

    assert [hits(index, "light", each.scope) for each in documents] == [ids(each) for each in documents]


def test_indexes_of_older_formats_are_removed(tmp_path: Path) -> None:
    (tmp_path / "bm25-1.sqlite3").write_text("old")
    (tmp_path / "bm25-0").mkdir()
    (tmp_path / "bm25-0" / "file").write_text("older")

    with closing(Bm25Index(tmp_path, MAX_OPEN)):
        left = {path.name for path in tmp_path.iterdir()}

    assert left == {f"bm25-{bm25.FORMAT}"}


def test_stop_words_count_only_without_other_words(index: Bm25Index) -> None:
    brain, you = document("Light of brains"), document("What are you?")
    index.apply([brain, you], 2)

    assert hits(index, "What is the light of the brain?") == ids(brain)
    assert hits(index, "Who are you?") == ids(you)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("Oeffnung", "Die Öffnung ist groß."),
        ("Öffnung", "Die Oeffnung ist gross."),
        ("STRASSE", "Die Straße ist gesperrt."),
        ("Pumpe", "Die Wärmepumpe steht im Keller."),
        ("Wärme", "Die Wärmepumpe steht im Keller."),
        ("Wärmepumpe", "Eine Pumpe für warme Räume steht im Keller."),
        ("Ventil", "Das Sicherheitsventil öffnet bei drei Bar."),
        ("Oersted", "Hans Christian Ørsted opdagede elektromagnetismen."),
        ("chaudieres", "La chaudière est entretenue chaque année."),
        ("bombas", "La bomba vibra cuando los cojinetes están gastados."),
        ("서버의", "백업 서버를 일요일 밤에 다시 시작합니다."),
        ("4022", "رقم غرفة المضخات هو ٤٠٢٢ عند الحارس."),
        ("٤٠٢٢", "The pump room has the number 4022."),
        ("ताला", "ताले का कूट हर साल बदला जाता है।"),
        ("锁", "密码锁在仓库里。"),
    ],
)
def test_words_are_found_in_the_forms_of_their_language(index: Bm25Index, query: str, text: str) -> None:
    wanted, other = document(text), document("Visitors wear a badge.", "Besucher tragen einen Ausweis.")

    index.apply([other, wanted], 2)

    assert hits(index, query) == ids(wanted)


def test_a_word_ranks_before_compounds_with_it(index: Bm25Index) -> None:
    alone, compound = document("Die Pumpe steht im Hof."), document("Die Wärmepumpe steht im Hof.")

    index.apply([compound, alone], 2)

    assert hits(index, "Pumpe") == [*ids(alone), *ids(compound)]


@pytest.mark.parametrize("query", ["", "?!", '"', "text:light AND (", "* OR NOT ^2 ~", "脑 🧠", "\u0301", "w" * 60_000])
def test_no_query_is_an_error(index: Bm25Index, query: str) -> None:
    index.apply([document("light", "脑")], 1)

    assert isinstance(index.search(SCOPE, query, 10), list)


def test_a_query_of_any_length_has_hits(index: Bm25Index) -> None:
    first = document("word0 of many")
    index.apply([first], 1)

    assert hits(index, " ".join(f"word{number}" for number in range(1_000))) == ids(first)


def test_a_code_ranks_before_longer_codes_and_its_parts(index: Bm25Index) -> None:
    whole, longer = document("The valve BX-117 is in cabinet three."), document("BX-117-A replaces it.")
    parts = [document("BX is the series, 117 the page. BX 118 and 117 are apart.") for _ in range(5)]
    index.apply([*parts, longer, whole], 7)

    found = index.search(SCOPE, "Where is the series BX-117?", 10)

    exactness = {hit.passage_id: hit.exact for hit in found}
    assert hits(index, "BX-117")[:2] == [*ids(whole), *ids(longer)]
    assert [exactness[each] for each in (*ids(whole), *ids(longer), *ids(parts[0]))] == [1, bm25.INNER_CODE, 0]


def test_each_code_of_a_question_counts(index: Bm25Index) -> None:
    both, one = document("E-4 follows E-3."), document("E-3, E-3 and E-3.")
    index.apply([one, both], 2)

    found = index.search(SCOPE, "What is the difference between E-3, E-4 and E-5?", 10)

    assert [(hit.passage_id, hit.exact) for hit in found] == [(*ids(both), 1.0), (*ids(one), 0.5)]


def test_quoted_words_are_found_as_a_phrase(index: Bm25Index) -> None:
    phrase, apart = document("The mean time between failures."), document("In mean weather, time flies. Mean time!")
    index.apply([apart, phrase], 2)

    found = {hit.passage_id: hit.exact for hit in index.search(SCOPE, '"time between failures"', 10)}

    assert found == {ids(phrase)[0]: 1, ids(apart)[0]: 0}


def test_passages_are_scored_as_in_a_search(index: Bm25Index) -> None:
    light, lamp, train = document("light of the brain"), document("light of the lamp lamp"), document("a train")
    index.apply([light, lamp, train], 3)
    found = index.search(SCOPE, "lamp light", 10)

    scores = index.scores(SCOPE, "lamp light", [*(hit.key for hit in found), ids(train)[0].hex])

    assert scores == {hit.key: hit.score for hit in found} | {ids(train)[0].hex: 0}
    assert index.scores(SCOPE, "lamp light", []) == index.scores(Scope(UUID(int=9), "x"), "lamp", ["a"]) == {}
