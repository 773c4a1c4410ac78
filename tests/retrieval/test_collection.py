"""Reading published test collections."""

import json
from pathlib import Path

import pytest

from benchmarks.retrieval.collection import CollectionNotFound, read

DOCUMENTS = """\
.I 1
.T
slipstream .
.A
brenckman,m.
.W
slipstream .
wings in it .
.I 2
.T
.A
.W
.I 3
.T
heat .
.W
heat in slabs .
"""
QUERIES = """\
.I 001
.W
what of wings .
.I 004
.W
what of heat
in slabs .
"""
JUDGEMENTS = "1 1 4\n1 3 -1\n2 3 1 \n"


def test_cranfield_is_read_with_queries_by_position_and_inverted_codes(tmp_path: Path) -> None:
    (tmp_path / "cran.all.1400").write_text(DOCUMENTS)
    (tmp_path / "cran.qry").write_text(QUERIES)
    (tmp_path / "cranqrel").write_text(JUDGEMENTS)

    collection = read(tmp_path)

    assert collection.texts == {
        "1": "slipstream .\n\nslipstream .\nwings in it .",
        "3": "heat .\n\nheat in slabs .",
    }
    assert collection.queries == {"1": "what of wings .", "2": "what of heat\nin slabs ."}
    assert collection.gains == {"1": {"1": 1}, "2": {"3": 1}}
    assert collection.grades == {"1": {"1": 1}, "2": {"3": 4}}


def test_a_beir_collection_is_read_with_its_judged_queries(tmp_path: Path) -> None:
    corpus = [{"_id": "a", "title": "Heat", "text": "In slabs."}, {"_id": "b", "title": "", "text": "Wings."}]
    queries = [{"_id": "q1", "text": "heat?"}, {"_id": "q2", "text": "never judged"}]
    (tmp_path / "corpus.jsonl").write_text("\n".join(json.dumps(line) for line in corpus))
    (tmp_path / "queries.jsonl").write_text("\n".join(json.dumps(line) for line in queries))
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\ta\t2\nq1\tb\t0\n")

    collection = read(tmp_path)

    assert collection.texts == {"a": "Heat\n\nIn slabs.", "b": "Wings."}
    assert collection.queries == {"q1": "heat?"}
    assert collection.gains == {"q1": {"a": 2, "b": 0}}


def test_a_missing_collection_error_says_where_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(CollectionNotFound, match=r"COLLECTION=folder.*cran\.all\.1400.*corpus\.jsonl"):
        read(tmp_path)
