"""The visible text of web pages."""

import pytest

from dynavera.contracts.media_types import HTML
from mcp_service.knowledge.extraction.content import Content
from mcp_service.knowledge.extraction.errors import FileRefused
from mcp_service.knowledge.extraction.readers import read
from mcp_service.knowledge.extraction.web_pages import read_web_page
from mcp_service.knowledge.splitting import split_passages


def headings(content: Content) -> list[str]:
    return [passage.heading for passage in split_passages(content.text, content.headings)]


@pytest.mark.parametrize(
    "page",
    [
        "{}",
        "<body>{}</body>",
        "<html><body><div><div>{}</div></div></body></html>",
        "<main>{}</main>",
        "<article>{}</article><article><p>Other.</p></article>",
        "<section><header><h1>Press</h1></header>{}</section>",
        '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><body>{}</body></html>',
    ],
)
def test_headings_are_kept_wherever_they_stand(page: str) -> None:
    content = read_web_page(page.format("<h2>Oil <a href='#oil'>¶</a></h2>Weekly.<h2>Seal</h2><p>Weekly.</p>"))

    assert [heading.rpartition(" › ")[2] for heading in headings(content)][:2] == ["Oil", "Seal"]
    assert content.text.count("Weekly.") == 2


def test_an_element_with_the_role_of_a_heading_is_one() -> None:
    content = read_web_page("<div role=heading aria-level=3>Oil</div><p>Weekly.</p>")

    assert (content.text, headings(content)) == ("### Oil\n\nWeekly.", ["Oil"])


@pytest.mark.parametrize(
    ("declaration", "encoding"),
    [
        ('<meta charset="iso-8859-1">', "cp1252"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=windows-1252">', "cp1252"),
        ('<?xml version="1.0" encoding="ISO-8859-15"?>', "iso-8859-15"),
        ('<meta charset="iso-8859-1">', "utf-8"),
    ],
)
def test_the_declared_encoding_of_a_page_is_used(declaration: str, encoding: str) -> None:
    page = f"{declaration}<p>Größe: 40 €</p>".encode(encoding)

    text, _ = read(HTML, page, lambda: None)[:2]

    assert text == "Größe: 40 €"


@pytest.mark.parametrize("declaration", ["", '<meta charset="unknown">', "<meta charset=utf-8>"])
def test_a_page_in_an_encoding_that_it_does_not_declare_is_refused(declaration: str) -> None:
    with pytest.raises(FileRefused, match="Save it as UTF-8"):
        read(HTML, f"{declaration}<p>Größe</p>".encode("cp1252"), lambda: None)


VISIBLE = {
    "aside": "<article><p>One.</p><aside>Seen here.</aside></article>",
    "after the article": "<article><p>One.</p></article><div>Seen here.</div>",
    "caption": "<figure><img src=a.png><figcaption>Seen here.</figcaption></figure>",
    "details": "<details><summary>More</summary>Seen here.</details>",
    "button in a heading": "<h3><button>Seen here.</button></h3><p>One.</p>",
    "footer": "<p>One.</p><footer><p>Seen here.</p></footer>",
    "text area": "<form><textarea>Seen here.</textarea></form>",
    "element of its own": "<x-note>Seen here.</x-note>",
    "value of an input": "<form><input value='Seen here.'></form>",
    "chosen option": "<form><select><option>One.<option selected>Seen here.</select></form>",
    "formula": "<p><math><mi>Seen</mi><mo> </mo><mi>here.</mi></math></p>",
    "drawing": "<svg><text>Seen here.</text></svg>",
    "quotation": "<blockquote>Seen here.</blockquote>",
    "old markup": "<center><font>Seen here.</font></center>",
    "only navigation": "<nav>Seen here. <a href=/>Home</a></nav>",
    "list of links": "<ul><li><a href=a>Seen here.</a></li><li><a href=b>And there.</a></li></ul>",
    "a class that speaks of cookies": "<div class=cookies><h2>Cookies</h2><p>Seen here.</p></div>",
}


@pytest.mark.parametrize("case", VISIBLE)
def test_what_is_visible_is_read(case: str) -> None:
    assert "Seen here." in read_web_page(f"<html><body>{VISIBLE[case]}</body></html>").text


NOT_READ = {
    "navigation": "<nav><a href=/>Hidden</a></nav>",
    "role": "<div role=navigation><a href=/>Hidden</a></div>",
    "menu by its class": "<div class=main-menu><a href=/a>Hidden</a><a href=/b>Shop</a></div>",
    "links at the top": "<ul><li><a href=/a>Hidden</a></li><li><a href=/b>Shop</a></li></ul>",
    "links of the footer": "<footer><p>Graz</p><ul><li><a href=/a>Hidden</a><li><a href=/b>Shop</a></ul></footer>",
    "cookie banner": '<div id="cookie-consent">Hidden: we use cookies.</div>',
    "cookie notice without a name": "<div><div>Hidden: cookies are used.</div><button>Accept all</button></div>",
    "script": "<script>Hidden</script><style>Hidden</style><template>Hidden</template>",
    "hidden": '<p hidden>Hidden</p><p style="display: none">Hidden</p><dialog>Hidden</dialog>',
    "password": "<form><input type=password value=Hidden><select><option>Hidden</select></form>",
    "comment": "<!-- Hidden -->",
}


@pytest.mark.parametrize("case", NOT_READ)
def test_navigation_notices_and_what_is_hidden_are_not_read(case: str) -> None:
    page = f"<html><body>{NOT_READ[case]}<h1>Pump</h1><p>It is oiled every 300 hours, by hand.</p></body></html>"

    content = read_web_page(page)

    assert "Hidden" not in content.text
    assert headings(content) == ["Pump"]


def test_blocks_are_apart_and_words_are_not() -> None:
    text = read_web_page(
        "<p>one<p>t<b>w</b>o<div>three</div>four<br>five 10<sup>-3</sup> m<sup>2</sup> H<sub>2</sub>O"
    ).text

    assert text == "one\n\ntwo\n\nthree\n\nfour\nfive 10⁻³ m² H₂O"


def test_lists_definitions_and_code_keep_their_form() -> None:
    lists = "<ol start=3><li>a<ul><li>b</ul><li><p>c</p></ol><dl><dt>Mass<dd><p>4 kg</p><dt>Hue<dd>red</dl>"

    text = read_web_page(f"{lists}<pre>if a:\n    b</pre>").text

    assert text == "3. a\n  - b\n4. c\n\nMass: 4 kg\n\nHue: red\n\n```\nif a:\n    b\n```"


TABLES = {
    "header cells": ("<tr><th>Part<th>Nm<tr><td>B-1<td>25<tr><td>B-2<td>49", "Part: B-1\nNm: 25\n\nPart: B-2\nNm: 49"),
    "no header cells": ("<tr><td>Part<td>Nm<tr><td>B-1<td>25", "Part: B-1\nNm: 25"),
    "two header rows": (
        "<thead><tr><th rowspan=2>Part<th colspan=2>Torque<tr><th>Nm<th>ft lb</thead><tr><td>B-1<td>25<td>18",
        "Part: B-1\nTorque Nm: 25\nTorque ft lb: 18",
    ),
    "a cell over two rows": (
        "<tr><th>Part<th>Nm<tr><td rowspan=2>B-1<td>25<tr><td>26",
        "Part: B-1\nNm: 25\n\nPart: B-1\nNm: 26",
    ),
    "names of rows": ("<tr><th>Mass<td>4 kg<tr><th>Hue<td>red", "Mass: 4 kg\nHue: red"),
    "names of rows with colons": ("<tr><td>Mass:<td>4 kg<tr><td>Hue:<td>red", "Mass: 4 kg\nHue: red"),
    "a caption": ("<caption>Bolts</caption><tr><th>Part<th>Nm<tr><td>B-1<td>25", "Bolts\n\nPart: B-1\nNm: 25"),
    "a heading row": (
        "<tr><th>Part<th>Nm<tr><td colspan=2>Steel<tr><td>B-1<td>25",
        "Steel\n\nPart: B-1\nNm: 25",
    ),
    "a table in a cell": (
        "<tr><th>Part<th>Nm<tr><td>B-1<td><table><tr><th>dry<th>wet<tr><td>25<td>18</table>",
        "Part: B-1\nNm: dry: 25, wet: 18",
    ),
    "layout with a table": (
        "<tr><td>one<td><table><tr><th>Part<th>Nm<tr><td>B-1<td>25</table>",
        "one\n\nPart: B-1\nNm: 25",
    ),
    "layout": ("<tr><td><h2>Left</h2>one<td>two", "## Left\n\none\n\ntwo"),
    "one column": ("<tr><td>one<tr><td>two", "one\n\ntwo"),
}


@pytest.mark.parametrize("case", TABLES)
def test_each_row_of_a_table_can_be_read_alone(case: str) -> None:
    source, text = TABLES[case]

    assert read_web_page(f"<table>{source}</table>").text == text
