"""Text, HTML and Markdown: cells are never markup, templates are converted once where that is right, images travel inline."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailmerge_cli.errors import Refused
from mailmerge_cli.model.cell import RealCell
from mailmerge_cli.render import RowFault
from mailmerge_cli.render.alternative import text_of
from mailmerge_cli.render.html import inline_css_now
from mailmerge_cli.render.markdown import convert
from support.letters import Bench, parsed, shape

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A payslip's columns."""
    return Bench(tmp_path.resolve(), net=RealCell(1234.5, "#,##0.00"), bonus="", link="https://example.org/")


def inner(html: str | None) -> str:
    """The HTML of a Markdown mail without page, styles and spaces between tags."""
    assert html is not None
    html = re.sub(r' style="[^"]*"', "", html.partition("<div")[2].partition(">\n")[2].partition("</div>")[0])
    return re.sub(r"\s*\n\s*", "", html)


@pytest.mark.parametrize("file", ["m.html", "m.md"])
@pytest.mark.parametrize(
    "cell",
    [
        "<b>&\"'",
        "<script>alert(1)</script>",
        "**x** _y_ `z`",
        "# x",
        "| a | b |",
        "![i](logo.png)",
        "[l](http://x)",
        "&lt;",
        "<!-- x -->",
        "1. x",
    ],
)
def test_T09_a_cell_is_text_in_html_and_in_text(bench: Bench, file: str, cell: str) -> None:
    """No tag, entity or Markdown of a cell counts; the text part and the subject show it as it is."""
    letter = bench.letter(
        bench.template("From: a@example.org\nSubject: {{ name }}\n\n[{{ name }}]", file), name=cell
    )
    assert letter.subject == cell
    assert f"[{cell}]" in (letter.text or "")
    assert text_of(letter.html or "").strip() == f"[{cell}]"


@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)",
        " JavaScript:x",
        "data:text/html,x",
        "vbscript:x",
        "java\tscript:x",
        "\x01javascript:x",
        "file:///etc/passwd",
    ],
)
@pytest.mark.parametrize(
    ("file", "body"),
    [
        ("m.html", '<a href="{{ link }}">x</a>'),
        ("m.html", "<a href={{ link }}>x</a>"),
        ("m.html", "<a href='{% if net %}{{ link }}{% endif %}'>x</a>"),
        ("m.html", '<img src="{{- link -}}">'),
        ("m.html", '<p style="color:red">{% include "part.html" %}</p>'),
        ("m.md", "[x]({{ link }})"),
        ("m.md", "> {% if net %}\n[x]({{ link }})\n\n# {% endif %}"),
    ],
)
def test_T09_a_cell_cannot_be_a_script_in_a_link(bench: Bench, file: str, body: str, target: str) -> None:
    """A link that begins with a cell takes web, mail and phone addresses only."""
    bench.write("part.html", '<a href="{{ link }}">x</a>')
    template = bench.template("\n" + body, file)
    with pytest.raises(RowFault) as fault:
        bench.letter(template, link=target)
    assert fault.value.problems[0].column == "link"
    for good in ("https://example.org/?a=1&b=2", "mailto:a@example.org", "tel:+49123", "/path", "#x", ""):
        assert bench.letter(template, link=good).html


def test_T09_values_marked_safe_are_html(bench: Bench) -> None:
    """`| safe` is the template's word for a value of its own; the text part has its text."""
    template = bench.template(
        "\n<p>{{ note | safe }}</p>", "m.html", constants={"note": "<b>Note</b> &amp; more"}
    )
    letter = bench.letter(template)
    assert letter.html == "<p><b>Note</b> &amp; more</p>\n"
    assert letter.text == "Note & more\n"


def test_markdown_tables_with_loops_and_conditions(bench: Bench) -> None:
    """Rows of a table come and go by statements on lines of their own."""
    body = """
| Item | Amount |
|:-----|-------:|
{% for item in ["Base", "Extra"] %}
| {{ item }} | {{ net }} |
{% endfor %}
{% if bonus %}
| Bonus | {{ bonus }} |
{% else %}
| No bonus | |
{% endif %}

Regards
"""
    template = bench.template("\n" + body, "m.md")
    assert template.once
    html = inner(bench.letter(template).html)
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    assert rows == [
        "<th>Item</th><th>Amount</th>",
        "<td>Base</td><td>1,234.50</td>",
        "<td>Extra</td><td>1,234.50</td>",
        "<td>No bonus</td><td></td>",
    ]
    assert html.endswith("<p>Regards</p>")
    text = bench.letter(template, bonus="5").text
    assert text is not None
    assert "| Extra | 1,234.50 |\n| Bonus | 5 |\n\nRegards\n" in text


MARKDOWN = {
    "paragraphs": "Hello\n\n{% if bonus %}\nYes **{{ bonus }}**.\n{% endif %}\n\nBye\n",
    "tight": "Hello\n{% if bonus %}\nYes {{ bonus }}.\n{% endif %}\nBye\n",
    "inline": "Hello {% if bonus %}dear *friend*{% else %}you{% endif %}, bye\n",
    "list": "Intro\n\n{% for i in range(3) %}\n- entry {{ i }}\n{% endfor %}\n\nBye\n",
    "numbered": "{% for i in range(3) %}\n1. entry {{ i }}\n{% endfor %}\n{% if bonus %}\n1. bonus\n{% endif %}\n",
    "heading": "{% if bonus %}\n# Bonus\n\nText\n{% endif %}\n\nBye\n",
    "whole table": "{% if bonus %}\n\n| a | b |\n|---|---|\n| 1 | {{ bonus }} |\n\n{% endif %}\n\nBye\n",
    "loop of sections": "{% for i in range(2) %}\n## Part {{ i }}\n\nText {{ name }}\n\n{% endfor %}\nBye\n",
    "quote": "> {{ name }}\n> more\n\n{% if bonus %}\n> bonus\n{% endif %}\n",
    "torn": "- a\n{% if bonus %}\n# Bonus\n- b\n{% endif %}\ntext\n",
    "torn list": "Intro:\n{% for i in range(2) %}\n- entry\n{% endfor %}\nOutro\n",
    "set": "{% set x = name %}\n\nDear {{ x }}\n",
    "one line": "Hello\n\n{% if bonus %}You get {{ bonus }}.{% endif %}\n\n{% if bonus %}a{% else %}b{% endif %}\n",
    "code": "`{{ name }}`\n\n    {{ net }}\n\n```\n{{ bonus }}\n```\n",
    "link": '[{{ name }}]({{ link }} "{{ name }}") <https://example.org/{{ name }}>\n',
    "comment": "a\n{# nothing #}\nb\n",
    "hard break": "a\\\n{{ name }}  \nb\n",
}


@pytest.mark.parametrize("bonus", ["", "12"])
@pytest.mark.parametrize("case", MARKDOWN)
def test_markdown_once_is_markdown_each_time(bench: Bench, case: str, bonus: str) -> None:
    """A template that is converted once gives what converting each row's Markdown gives, but for empty elements."""
    body = MARKDOWN[case]
    letter = bench.letter(bench.template("\n" + body, "m.md"), bonus=bonus, name="Wang")
    plain = bench.letter(bench.template("\n" + body, "m.txt"), bonus=bonus, name="Wang").text
    assert plain is not None
    expected = re.sub(r"\s*\n\s*", "", inner(convert(plain)))
    assert re.sub(r"<(p|ul|ol|blockquote)></\1>", "", inner(letter.html)) == expected


@pytest.mark.parametrize(
    ("case", "once"),
    [
        ("paragraphs", True),
        ("list", True),
        ("numbered", True),
        ("heading", True),
        ("whole table", True),
        ("loop of sections", True),
        ("torn", False),
        ("torn list", False),
    ],
)
def test_which_markdown_is_converted_once(bench: Bench, case: str, once: bool) -> None:
    """Statements around whole elements are; those that would tear elements apart are not."""
    assert bench.template("\n" + MARKDOWN[case], "m.md").once is once


def test_markdown_row_by_row_keeps_cells_out_of_markdown(bench: Bench) -> None:
    """The slow way is as safe as the fast one, and shows cells as the sheet does."""
    template = bench.template("\n" + MARKDOWN["torn"] + "\n{{ name }} {{ net }} {{ '<i>' | safe }}\n", "m.md")
    assert not template.once
    html = bench.letter(template, name="*<b>* jq7xp0z", bonus="1").html or ""
    assert "*&lt;b&gt;* jq7xp0z 1,234.50 <i>" in html


def test_markdown_has_a_style_and_no_html_of_its_own(bench: Bench) -> None:
    """Styles stand in the tags, alignment stays, HTML in Markdown is shown as text."""
    html = bench.letter(bench.template("\n<b>x</b>\n\n| a |\n|--:|\n| 1 |\n", "m.md")).html or ""
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert re.search(r'<td style="border:1px[^"]*;text-align:right">1</td>', html)
    assert "<style" not in html


CSS = "<html><head><style>{css}</style></head><body>{body}</body></html>"
INLINE = {
    "plain": (
        "td{color:red} .a{font-weight:bold}",
        '<table><tr><td class="a">{{ name }}</td></tr></table>',
        True,
    ),
    "rows": (
        ".a{color:red}",
        '<table><tr><th>x</th></tr>{% for i in range(2) %}<tr><td class="a">{{ i }}</td></tr>{% endfor %}</table>',
        True,
    ),
    "links": ("a{color:red}", '<a href="{{ link }}" title="{{ name }}">{{ name }}</a>', True),
    "media": ("@media (max-width:9px){p{color:blue}} p{color:red}", "<p>{{ name }}</p>", True),
    "zebra": (
        "tr:nth-child(even){color:red}",
        "<table>{% for i in range(4) %}<tr><td>{{ i }}</td></tr>{% endfor %}</table>",
        False,
    ),
    "sibling": ("p + p{color:red}", "{% if bonus %}<p>a</p>{% endif %}<p>b</p>", False),
    "class of a cell": (".x{color:red}", '<p class="{{ name }}">a</p>', False),
    "style of a cell": ("p{color:red}", '<p style="width:{{ net }}">a</p>', False),
    "statement in a tag": (".x{color:red}", "<p {% if bonus %}class='x'{% endif %}>a</p>", False),
    "css of a value": ("p{color:{{ company }}}", "<p>a</p>", False),
    "attribute": ("[title=x]{color:red}", '<p title="{{ name }}">a</p>', False),
    "macro": (
        "td{color:red}",
        "{% macro r(x) %}<tr><td>{{ x }}</td></tr>{% endmacro %}<table>{{ r(1) }}</table>",
        False,
    ),
    "title": ("p{color:red}", "<title>{% if bonus %}x{% endif %}</title><p>a</p>", False),
    "torn table": ("td{color:red}", "<table>{{ name }}<tr><td>a</td></tr></table>", False),
    "ancestor that comes and goes": (
        ".a p{color:red}",
        '{% if bonus %}<div class="a">{% endif %}<p>x</p>{% if bonus %}</div>{% endif %}',
        False,
    ),
    "branches": (
        ".a{color:red} .b{color:blue}",
        '{% if bonus %}<p class="a">x</p>{% else %}<p class="b">y</p>{% endif %}',
        True,
    ),
    "torn branches": (
        ".a p{color:red}",
        '{% if bonus %}<div class="a">{% else %}<div class="b">{% endif %}<p>x</p></div>',
        False,
    ),
    "untidy": ("p{color:red}", "<p>a<p>{% if bonus %}b{% endif %}<br>c", True),
}


@pytest.mark.parametrize("bonus", ["", "12"])
@pytest.mark.parametrize("case", INLINE)
def test_a_style_sheet_is_inlined_once_where_it_is_the_same(bench: Bench, case: str, bonus: str) -> None:
    """Inlined into the template or into each row's HTML: the mail is the same."""
    css, body, once = INLINE[case]
    source = CSS.replace("{css}", css).replace("{body}", body)
    template = bench.template("\n" + source, "m.html")
    assert template.once is once
    raw = bench.letter(bench.template("\n" + source, "m.txt"), bonus=bonus, name="x").text or ""
    html = bench.letter(template, bonus=bonus, name="x").html or ""
    assert html.strip() == inline_css_now(raw.strip()).strip()


def test_html_without_a_style_sheet_stays_as_it_is(bench: Bench) -> None:
    """Nothing is parsed and written anew without need."""
    body = "<P CLASS=x>a<br/>&nbsp;{{ name }}</p >\n"
    assert bench.letter(bench.template("\n" + body, "m.html")).html == body.replace("{{ name }}", "Wang Fang")


def test_braces_that_an_entity_hides_do_not_become_jinja(bench: Bench) -> None:
    """`&#123;&#123;` is text, also once it was turned into braces."""
    body = "<style>p{color:red}</style><p>&#123;&#123; name &#125;&#125; &#123;% x {{ name }}</p>"
    letter = bench.letter(bench.template("\n" + body, "m.html"))
    assert "{{ name }} {% x Wang Fang" in (letter.html or "")
    assert letter.text == "{{ name }} {% x Wang Fang\n"
    assert "{{ x }}" in (bench.letter(bench.template("\n&#123;&#123; x }}\n", "m.md")).html or "")


HTML_TEXT = [
    ("<p>a</p><p>b</p>", "a\n\nb\n"),
    ("<h1>T</h1>\n<p>a\n  b</p>", "T\n\na b\n"),
    ("a<br>b<br/>c", "a\nb\nc\n"),
    ("<ul><li>a</li><li><p>b</p></li></ul>", "- a\n- b\n"),
    ("<ol start=3><li>a<li>b</ol>", "3. a\n4. b\n"),
    ("<ul><li>a<ul><li>b</li></ul></li></ul>", "- a\n  - b\n"),
    ("<table><tr><th>k</th><th>v</th></tr><tr><td>a</td><td>1</td></tr></table>x", "k | v\na | 1\n\nx\n"),
    ("<table><tr><td><p>a</p></td><td><div>b</div></td></tr></table>", "a | b\n"),
    (
        '<a href="https://x.org/">x</a> <a href="mailto:a@x.org">a@x.org</a> <a href="#t">t</a>',
        "x (https://x.org/) a@x.org t\n",
    ),
    ("<style>p{}</style><head><title>t</title></head><p>a</p><script>x</script>", "a\n"),
    ('<div style="display:none">preheader</div><p>a</p>', "a\n"),
    ("<pre>a\n  b</pre>", "a\n  b\n"),
    ('<img alt="Logo" src=x> <b>bold</b>&nbsp;&amp;&lt;', "Logo bold &<\n"),
    ("<hr>a", "-" * 40 + "\n\na\n"),
    ("2026. A + B - C", "2026. A + B - C\n"),
    ("", ""),
]


@pytest.mark.parametrize(("html", "text"), HTML_TEXT)
def test_the_text_of_html(html: str, text: str) -> None:
    """Blocks, lists, tables, links and images as people write them in plain text."""
    assert text_of(html) == text


ALTERNATIVES = {
    "paragraph": "<p>a</p>{% if bonus %}<p>b {{ bonus }}</p>{% endif %}<p>c</p>",
    "rows": "<table>{% for i in range(3) %}<tr><td>{{ i }}</td><td>{{ name }}</td></tr>{% endfor %}</table><p>z</p>",
    "inline": "<p>Dear {% if bonus %}rich {% endif %}friend</p>",
    "entries": "<ul>{% for i in range(2) %}<li>{{ i }}</li>{% endfor %}</ul>end",
    "attributes": '<p {% if bonus %}class="x"{% endif %}>a</p>b',
    "link": '<a href="{{ link }}">go</a>, <a href="https://example.org/?{{ name }}">there</a>',
    "hidden": "<head><title>{{ name }}</title></head><p>a</p>",
    "break": "a<br>{% if bonus %}b<br>{% endif %}c",
}


@pytest.mark.parametrize("bonus", ["", "12"])
@pytest.mark.parametrize("case", ALTERNATIVES)
def test_the_text_of_a_template_is_the_text_of_each_row(bench: Bench, case: str, bonus: str) -> None:
    """The alternative is made of the template once, and says what each row's HTML says."""
    template = bench.template("\n" + ALTERNATIVES[case], "m.html")
    assert template.once
    letter = bench.letter(template, bonus=bonus)
    expected = text_of(letter.html or "")
    assert [line.strip() for line in (letter.text or "").strip().split("\n")] == [
        line.strip() for line in expected.strip().split("\n")
    ]


def test_text_that_no_template_can_make_is_made_of_each_row(bench: Bench) -> None:
    """What is set where the text has nothing is missing in the text's template; then each row's HTML is the source."""
    template = bench.template("\n<head>{% set who = name %}</head><p>{{ who }}</p>", "m.html")
    assert not template.once
    assert bench.letter(template).text == "Wang Fang\n"


def test_a_template_of_values_alone_is_rendered_once(bench: Bench) -> None:
    """Its faults are the template's, with file and line, before any row."""
    template = bench.template("\n<p>{{ company }}</p>", "m.html")
    assert bench.letter(template).html is bench.letter(template, name="Other").html
    for file in ("m.txt", "m.md", "m.html"):
        with pytest.raises(Refused, match=rf"{file}:5: the template cannot be rendered: "):
            bench.template("\n\n{{ 1 / 0 }}", file)


def test_a_raw_block_is_text(bench: Bench) -> None:
    """`{% raw %}` holds braces; in a link too."""
    letter = bench.letter(
        bench.template(
            "\n<a href='{% raw %}https://example.org/{{x}}{% endraw %}'>{% raw %}{{ y }}{% endraw %}</a>",
            "m.html",
        )
    )
    assert letter.html == '<a href="https://example.org/{{x}}">{{ y }}</a>\n'
    assert letter.text == "{{ y }} (https://example.org/{{x}})\n"


def test_a_companion_is_the_text_alternative(bench: Bench) -> None:
    """`letter.txt` beside `letter.html` is taken; its columns count, its faults name it."""
    bench.write("letter.txt", "\ufeffPlain {{ net }}\r\n")
    template = bench.template("\n<p>{{ name }}</p>", "letter.html")
    assert bench.letter(template).text == "Plain 1,234.50\n"
    assert 2 in template.used
    bench.write("letter.txt", b"\xff")
    with pytest.raises(Refused, match="UTF-8"):
        bench.template("\n<p>{{ name }}</p>", "letter.html")
    bench.write("letter.txt", "x\n{{ nett }}")
    with pytest.raises(Refused, match=r"letter\.txt:2: "):
        bench.template("\n<p>{{ name }}</p>", "letter.html")


def test_local_images_travel_inline(bench: Bench) -> None:
    """Once each, by content id; remote ones are left alone; sub-folders and percent signs are understood."""
    bench.write("pics/my logo.png", PNG)
    body = '<img src="pics/my%20logo.png"><IMG SRC=\'pics/my logo.png\' alt="x"><img src="https://example.org/x.png"><img src="cid:a">'
    letter = bench.letter(bench.template("\n" + body, "m.html"))
    [image] = letter.images
    assert (letter.html or "").count("cid:") == 3
    message = parsed(bench.octets(bench.template("\n" + body, "m.html")))
    assert shape(message) == (
        "multipart/related",
        [("multipart/alternative", ["text/plain", "text/html"]), "image/png"],
    )
    [_, part] = message.iter_parts()
    assert part.get_content_disposition() == "inline"
    assert (part.get_filename(), part.get_payload(decode=True)) == ("my logo.png", PNG)
    assert f"cid:{part['Content-ID'].strip('<>')}" in (letter.html or "")
    assert image.path == "pics/my logo.png"


def test_images_of_markdown_and_of_layouts(bench: Bench) -> None:
    """`![](logo.png)` too, once and row by row; and images in a file that is included or extended."""
    bench.write("logo.png", PNG)
    bench.write("base.html", '<img src="logo.png">{% block b %}{% endblock %}')
    bench.write("part.html", '<img src="logo.png">')
    cases = [
        ("\n![Logo](logo.png)\n", "m.md"),
        ("\n![Logo](logo.png)\n" + MARKDOWN["torn"], "m.md"),
        ('\n{% extends "base.html" %}{% block b %}x{% endblock %}', "m.html"),
        ('\n{% include "part.html" %}', "m.html"),
        ('\n{% include "part.html" ignore missing %}', "m.html"),
    ]
    for text, file in cases:
        letter = bench.letter(bench.template(text, file))
        assert len(letter.images) == 1, text
        assert 'src="cid:' in (letter.html or "")
        assert "![" not in (letter.text or "")


@pytest.mark.parametrize("path", ["../logo.png", "/logo.png", "missing.png", "link.png", "a.txt", "~/x.png"])
def test_B02_images_lie_in_the_folder(tmp_path: Path, path: str) -> None:
    """Neither outside, nor by a link, nor other things than images."""
    (tmp_path / "logo.png").write_bytes(PNG)
    inner_folder = tmp_path / "campaign"
    inner_folder.mkdir()
    (inner_folder / "link.png").symlink_to(tmp_path / "logo.png")
    (inner_folder / "a.txt").write_text("x")
    with pytest.raises(Refused) as refused:
        Bench(inner_folder).template(f'\n<img src="{path}">', "m.html")
    assert refused.value.problems[0].kind == "image"


def test_an_image_path_with_cells_is_refused(bench: Bench) -> None:
    """A local image is a fixed file."""
    with pytest.raises(Refused, match="fixed path"):
        bench.template('\n<img src="photos/{{ name }}.png">', "m.html")


def test_T07_a_body_has_an_end(bench: Bench) -> None:
    """Ten million characters."""
    with pytest.raises(RowFault):
        bench.letter(bench.template("\n{% for i in range(1000) %}{{ name * 20000 }}{% endfor %}", "m.txt"))


CELLS = st.text(st.sampled_from("ab|*_`#<>&\"'[]()!\\-+.1{}%\n \t=~^$王"), max_size=30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)
@given(cell=CELLS)
@pytest.mark.parametrize("torn", [False, True])
def test_no_cell_changes_the_structure_of_a_markdown_mail(bench: Bench, torn: bool, cell: str) -> None:
    """Whatever a cell holds, the tags are the template's, and the cell's text is whole."""
    body = (
        "\n# {{ bonus }}\n\n| a | b |\n|---|---|\n| {{ bonus }} | x |\n\n- {{ bonus }}\n\n[x]({{ '/' ~ net }})\n\n"
        + (MARKDOWN["torn"].replace("if bonus", "if net") if torn else "")
    )
    template = bench.template(body, "m.md")
    tags = re.compile(r"<[^>]*>")
    html, usual = (bench.letter(template, bonus=bonus).html or "" for bonus in (cell, "Q"))
    assert tags.findall(html) == tags.findall(usual)


@pytest.mark.parametrize(
    ("file", "start", "told"),
    [
        ("m.html", "`({{ note .*?}})`", "&lt;b&gt; *x*<br>l2"),
        ("m.md", r"```text\n(.*?)\n +```", "Please note:<br />&lt;b&gt; *x*<br />l2"),
    ],
)
def test_the_page_on_cells_keeps_a_cells_line_breaks(bench: Bench, file: str, start: str, told: str) -> None:
    """What docs/cells.md says for HTML and for Markdown: a break in both parts, and the cell is still no markup."""
    page = (Path(__file__).parents[3] / "docs/cells.md").read_text(encoding="utf-8")
    found = re.search(start, page, re.DOTALL)
    assert found is not None
    bench = Bench(bench.folder, note="<b> *x*\nl2")
    letter = bench.letter(bench.template("\n" + found[1].strip().replace("\n  ", "\n") + "\n\nEnd\n", file))
    assert told in re.sub(r"\n", "", letter.html or "")
    assert "<b> *x*\nl2" in (letter.text or "")
