"""Templates are strict, sandboxed, bounded, and fresh for each row."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mailmerge_cli.errors import Refused
from mailmerge_cli.model.cell import FaultCell, RealCell, WholeCell
from mailmerge_cli.render import BUILT_IN_NAMES, RowFault
from support.letters import FROM, MESSAGE_ID, MOMENT, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A table of a few columns."""
    return Bench(
        tmp_path.resolve(), **{"net": RealCell(1234.5, "#,##0.00"), "Staff no.": "0042", "n": WholeCell(0)}
    )


def told(bench: Bench, text: str, **more: object) -> list[str]:
    """What is told about a template."""
    with pytest.raises(Refused) as refused:
        bench.template(text, "payslip.txt", **more)
    return [problem.message for problem in refused.value.problems]


def row_problems(
    bench: Bench, text: str, file: str = "payslip.txt", **cells: object
) -> list[tuple[int | None, str | None, str]]:
    """What is told about a row."""
    template = bench.template(text, file)
    with pytest.raises(RowFault) as fault:
        bench.letter(template, **cells)
    return [(problem.row, problem.column, problem.message) for problem in fault.value.problems]


@pytest.mark.parametrize(
    ("body", "line", "hint"),
    [
        ("Dear {{ nmae }},", 4, "did you mean 'name'?"),
        ("\n\n{% if nett > 0 %}x{% endif %}", 6, "did you mean 'net'?"),
        ('{{ row["Staf no."] }}', 4, "did you mean 'Staff_no'?"),
        ("{{ row.nett }}", 4, "did you mean 'net'?"),
        ("{{ compny }}", 4, "did you mean 'company'?"),
        ("{{ zzzzzz }}", 4, "named 'zzzzzz'"),
        ("{% for x in name %}{{ y }}{% endfor %}", 4, "named 'y'"),
    ],
)
def test_T01_unknown_names_are_told_with_line_and_nearest_column(
    bench: Bench, body: str, line: int, hint: str
) -> None:
    """Before any row is read."""
    [message] = told(bench, FROM + "\n" + body)
    assert message.startswith(f"payslip.txt:{line}: there is no column")
    assert hint.replace("Staff_no", "staff_no") in message


def test_T02_a_blank_cell_prints_nothing_and_can_be_replaced(bench: Bench) -> None:
    """A blank is an empty text, never None or nan."""
    letter = bench.letter(bench.template("\n[{{ name }}] {{ name or 'n/a' }}"), name="")
    assert letter.text == "[] n/a\n"


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("{% if net %}", 4),
        ("\n{{ net }", 5),
        ("{{ net | nubmer }}", 4),
        ("\n\n{% endfor %}", 6),
        ("{{ net is emty }}", 4),
    ],
)
def test_T03_syntax_errors_are_told_with_file_and_line(bench: Bench, body: str, line: int) -> None:
    """Before any row is read; an unknown filter with the nearest."""
    [message] = told(bench, FROM + "\n" + body)
    assert message.startswith(f"payslip.txt:{line}: ")
    assert "nubmer" not in body or "did you mean 'number'?" in message


def test_T03_a_syntax_error_in_a_header_names_its_line(bench: Bench) -> None:
    """Headers are templates too."""
    [message] = told(bench, "From: a@example.org\nSubject: {{ net\n\nbody")
    assert message.startswith("payslip.txt:2: ")


@pytest.mark.parametrize("file", ["payslip.txt", "payslip.md", "payslip.html"])
def test_T04_a_fault_of_one_row_names_row_and_line(bench: Bench, file: str) -> None:
    """What fails for one row only is that row's problem, told without any cell's value, once."""
    [(row, column, message)] = row_problems(bench, FROM + "\nDear\n\n{{ 100 / n }}\n", file)
    assert (row, column) == (2, "n")
    assert message == f"leads to a division by zero; {file}:6"


@pytest.mark.parametrize(
    "expression",
    [
        "name + 1",
        "name | number",
        "{'a': 1}[name]",
        "name.missing",
        "name | date",
        "name | format('0.00')",
        "row[name]",
        "-name",
        "net[name]",
    ],
)
def test_T04_no_cells_value_stands_in_a_message(bench: Bench, expression: str) -> None:
    """Jinja's own messages quote keys and values; ours do not."""
    for _, _, message in row_problems(bench, FROM + "\n{{ " + expression + " }}", name="Confidential Person"):
        assert "Confidential" not in message


def test_T04_all_faults_of_a_row_are_told(bench: Bench) -> None:
    """Subject, body and attachment: three problems, one refusal."""
    text = (
        "From: a@example.org\nSubject: {{ 1 / n }}\nAttachment: slips/{{ name }}.pdf\n\n{{ name | number }}"
    )
    found = row_problems(bench, text, name="a/b")
    assert [(column, message.partition(";")[0]) for _, column, message in found] == [
        ("n", "leads to a division by zero (in Subject)"),
        ("name", "is not a number"),
        ("name", "holds '/', which may not stand in the path of a file (in Attachment)"),
    ]


def test_cells_that_must_not_be_used_are_told_with_their_column(bench: Bench) -> None:
    """#N/A in a used column is a problem; in another one it is nobody's business."""
    fault = FaultCell("holds the error #N/A")
    template = bench.template("\n{{ net }}")
    assert bench.letter(template, n=fault).text == "1,234.50\n"
    [(_, column, message)] = row_problems(bench, FROM + "\n{{ net }}", net=fault)
    assert (column, message) == ("net", "holds the error #N/A; payslip.txt:4")


@pytest.mark.parametrize("file", ["payslip.txt", "payslip.md", "payslip.html"])
@pytest.mark.parametrize("cell", ["{{ 7*7 }}", "{% raw %}", "{# x #}", "{{ net", "}}"])
def test_T05_a_cell_is_never_a_template(bench: Bench, file: str, cell: str) -> None:
    """One pass: subject, bodies and file names show the cell's braces as they are."""
    bench.write("a.pdf", b"%PDF-x")
    text = "From: a@example.org\nSubject: {{ name }}\nAttachment: a.pdf; name=\"{{ name.replace('*', 'x') }}.pdf\"\n\n[{{ name }}]"
    letter = bench.letter(bench.template(text, file), name=cell)
    assert letter.subject == cell
    assert f"[{cell}]" in (letter.text or "")
    assert file.endswith("txt") or f"[{cell}]" in (letter.html or "")
    assert letter.attachments[0].name == cell.replace("*", "x") + ".pdf"


@pytest.mark.parametrize(
    "body",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ name['__class__'] }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ name | attr('format') }}",
        "{{ cycler.__init__ }}",
        "{{ range._x }}",
        "{{ lipsum() }}",
    ],
)
def test_T06_the_sandbox_is_shut_before_any_row(bench: Bench, body: str) -> None:
    """What reaches for Python's insides is refused with its line."""
    [message, *_] = told(bench, FROM + "\n" + body)
    assert message.startswith("payslip.txt:4: ")


def test_T06_names_made_at_run_time_do_not_open_it(bench: Bench) -> None:
    """A computed attribute is refused when it is used."""
    [(_, _, message), *_] = row_problems(bench, FROM + "\n{{ net['__' ~ name ~ '__'] }}", name="class")
    assert "payslip.txt:4" in message
    [(_, _, message), *_] = row_problems(bench, FROM + "\n{{ '{0.__class__}'.format(name) }}")
    assert "payslip.txt:4" in message


@pytest.mark.parametrize(
    "expression",
    [
        "'a' * 10 ** 10",
        "name * 10 ** 9",
        "10 ** (10 ** 10)",
        "9 ** (9 ** (9 ** 9))",
        "'%99999999d' % n",
        "'{:>99999999}'.format(name)",
        "name | center(10 ** 9)",
        "name.ljust(10 ** 9)",
        "name.zfill(10 ** 9)",
        "('x' * 100000) | replace('x', 'y' * 100000)",
        "('x' * 100000).replace('x', 'y' * 100000)",
        "range(10 ** 9) | list",
        "(range(100000) | list) | join('x' * 10000)",
        "[1] * 10 ** 9",
        "([name * 100000] * 10000) | join",
        "''.join([name * 100000] * 10000)",
        "'{:>{}}'.format(name, 10 ** 9)",
        "'%*d' % (10 ** 9, 1)",
        "('{0}' * 10000).format(name * 10000)",
        "('%s' * 10000) % ((name * 10000,) * 10000)",
        "(name * 100000) ~ (name * 100000)",
    ],
)
def test_T07_much_of_little_is_refused(bench: Bench, expression: str) -> None:
    """An expression that would eat the machine makes its row invalid at once."""
    [(_, _, message)] = row_problems(bench, FROM + "\n{{ " + expression + " }}{{ n }}")
    assert "payslip.txt:4" in message


@pytest.mark.parametrize(
    "body",
    [
        "{% for a in range(1000) %}{% for b in range(1000) %}{{ n }}{% endfor %}{% endfor %}",
        "{% set ns = namespace(t=name) %}{% for i in range(100) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}{{ ns.t }}",
        "{% set ns = namespace(t=name) %}{% for i in range(100) %}{% set ns.t = ns.t + ns.t %}{% endfor %}{{ ns.t }}",
        "{% set ns = namespace(t=net) %}{% for i in range(20) %}{% set ns.t = ns.t * 99999999999999999999 ** 9 %}{% endfor %}{{ 2 ** 5000 }}",
        "{% macro m(t) %}{{ m(t) }}{% endmacro %}{{ m(name) }}",
        "{% macro m() %}{% for i in range(90000) %}{{ 'x' * 1000 }}{% endfor %}{% endmacro %}{{ m() | length }}{{ n }}",
        "{% for i in range(90000) %}{{ name * 100 }}{% endfor %}",
        "{% set t %}{% for i in range(90000) %}{{ 'x' * 1000 }}{% endfor %}{% endset %}{{ t | length }}{{ n }}",
    ],
)
def test_T07_loops_and_recursion_are_bounded(bench: Bench, body: str) -> None:
    """So are loops in loops, doubling texts and endless macros."""
    assert len(row_problems(bench, FROM + "\n" + body)) == 1


def test_T07_ordinary_templates_are_within_the_bounds(bench: Bench) -> None:
    """What people write in mails is far from them."""
    body = "{{ '%-20s|%5.2f' % (name, net) }}{{ '{:>10}'.format(name) }}{{ 'ab' * 3 }}{{ name | center(40) }}{{ ['a', 'b'] | join(', ') }}"
    body += "{{ 12000000 * 3 }}{{ 2 ** 10 }}{{ 7 % 4 }}{{ [1] + [2] }}{{ name | replace('Wang', 'W.') | indent(4) }}{{ name.replace('a', 'b').ljust(20) }}"
    assert "36000000" in (bench.letter(bench.template("\n" + body)).text or "")


@pytest.mark.parametrize(
    "name",
    [
        "/etc/hostname",
        "../outside.txt",
        "sub/../../outside.txt",
        "link.txt",
        "C:/x.txt",
        "..\\outside.txt",
        "missing.txt",
    ],
)
def test_T08_files_outside_the_folder_cannot_be_included(tmp_path: Path, name: str) -> None:
    """Neither by path nor by link."""
    (tmp_path / "outside.txt").write_text("secret")
    inner = tmp_path / "campaign"
    inner.mkdir()
    (inner / "sub").mkdir()
    (inner / "link.txt").symlink_to(tmp_path / "outside.txt")
    [message] = told(Bench(inner), FROM + '\n{% include "' + name.replace("\\", "\\\\") + '" %}')
    assert "folder" in message
    assert "secret" not in message


@pytest.mark.parametrize(
    "statement",
    [
        '{% include "part.txt" %}',
        '{% include "part.txt" ignore missing %}',
        "{% include ['no.txt', 'part.txt'] %}",
    ],
)
def test_files_beside_the_template_can_be_included(bench: Bench, statement: str) -> None:
    """They see the row, their columns count as used, and names in them are checked."""
    bench.write("part.txt", "Net {{ net }}")
    bench.write("no.txt", "no")
    template = bench.template("\n" + statement + "!")
    assert "net" in {bench.columns[index].title for index in template.used}
    bench.write("part.txt", "Net {{ nett }}")
    [message] = told(bench, FROM + "\n" + statement)
    assert message.startswith("part.txt:1: ")


def test_an_included_file_must_be_utf_8(bench: Bench) -> None:
    """Mojibake is not sent."""
    bench.write("part.txt", b"\xfc")
    [message] = told(bench, FROM + '\n{% include "part.txt" %}')
    assert "UTF-8" in message


def test_an_included_files_name_must_be_fixed(bench: Bench) -> None:
    """A cell does not choose a file."""
    [message] = told(bench, FROM + "\n{% include name %}")
    assert "fixed names" in message


def test_layouts_and_macros_of_other_files(bench: Bench) -> None:
    """`extends` and `import` work; what one file sets, the other may use."""
    bench.write("base.html", "<p>{% block head %}{% endblock %}</p><p>{{ sign }}</p>")
    bench.write("parts.html", "{% macro bold(t) %}<b>{{ t }}</b>{% endmacro %}")
    text = (
        FROM
        + '\n{% extends "base.html" %}{% from "parts.html" import bold %}{% set sign = "HR" %}{% block head %}{{ bold(name) }}{% endblock %}'
    )
    letter = bench.letter(bench.template(text, "m.html"), name="A & B")
    assert "<p><b>A &amp; B</b></p><p>HR</p>" in (letter.html or "")
    assert letter.text == "A & B\n\nHR\n"


@pytest.mark.parametrize(
    "value",
    [
        "a\nb",
        "a\r\nBcc: x@example.org",
        "a\0b",
        "a\x0bb",
        "a\x0cb",
        "a\x85b",
        "a\u2028b",
        "a\u2029b",
        "a\x1bb",
        "a\udc80b",
    ],
)
def test_A04_what_would_break_a_header_is_refused(bench: Bench, value: str) -> None:
    """In the subject, a name, an address, an own header: the row's problem, with the code point, never another header."""
    template = "From: a@example.org\nSubject: {{ name }}\nX-Name: {{ name }}\nReply-To: {{ name }} <r@example.org>\n\nbody"
    found = row_problems(bench, template, name=value)
    assert {column for _, column, _ in found} == {"name"}
    assert len(found) == 4
    assert all("U+" in message for _, _, message in found)


def test_T10_a_subjects_outer_line_breaks_are_trimmed(bench: Bench) -> None:
    """Statements leave line breaks behind; only inner ones are faults."""
    assert (
        bench.letter(
            bench.template("Subject: \n {% if net %}\n Pay {% endif %}\nFrom: a@example.org\n\nb")
        ).subject
        == "Pay"
    )


def test_a_subject_that_comes_out_blank_is_a_problem(bench: Bench) -> None:
    """A blank cell must not make a mail without subject."""
    [(_, column, message)] = row_problems(bench, "From: a@example.org\nSubject: {{ name }}\n\nbody", name=" ")
    assert column in {"Subject", "name"}
    assert "Subject blank" in message


def test_lines_of_statements_leave_no_line_behind(bench: Bench) -> None:
    """But a statement at the end of a line of text does not glue the next line to it, and `-` and `+` mean what Jinja says."""
    body = "\nDear {% if net %}Ms{% endif %}\n{{ name }}\n  {% if net %}{# why #}\n  indented\n\t{% endif %}\n{# nothing #}\n\nBye{% if n %}\n{% endif %}\n{% if net +%}\nx{%- if net %} y{% endif -%}  \n z{% endif %}\n"
    assert bench.letter(bench.template(body)).text == "Dear Ms\nWang Fang\n  indented\n\nBye\nx yz\n"


def test_T11_nothing_is_carried_over_to_the_next_row(bench: Bench) -> None:
    """Variables, namespaces, macros and loops begin anew with each row."""
    body = "\n{% set seen = namespace(n=0) %}{% set seen.n = seen.n + 1 %}{% macro m(a=[]) %}{{ name }}{% endmacro %}{% set who = name %}{{ seen.n }} {{ m() }} {{ who }}"
    template = bench.template(body)
    for name in ("Ann", "Ben", ""):
        assert bench.letter(template, name=name).text == f"1 {name} {name}\n"


@pytest.mark.parametrize(
    "statement", ["{% set _ = l.append(name) %}", "{% set _ = row.update({'a': 1}) %}", "{% do l %}"]
)
def test_T11_what_rows_share_cannot_be_changed(bench: Bench, statement: str) -> None:
    """Lists and dicts are read-only, and there is no `do`."""
    with pytest.raises(Refused):
        bench.letter(bench.template("\n" + statement + "{{ name }}", constants={"l": []}))


@pytest.mark.parametrize("file", ["payslip.txt", "payslip.md", "payslip.html", "slow.md", "slow.html"])
def test_T12_many_threads_share_a_template(bench: Bench, file: str) -> None:
    """Each mail holds its own row's token, and nobody else's."""
    body = "\n{% for i in range(3) %}\n{{ name }} {{ row['Staff no.'] }}\n{% endfor %}\n"
    if file == "slow.md":
        body += "{% for i in range(2) %}\n# {{ name }}\n{% if i %}\n> {{ name }}\n{% endif %}\n{% endfor %}\n"
    if file == "slow.html":
        body = "\n<style>p:first-child{color:red}</style>" + body.replace("{{ name }}", "<p>{{ name }}</p>")
    template = bench.template("From: a@example.org\nSubject: {{ name }}\n" + body, file)
    assert template.once is not file.startswith("slow")

    def octets(number: int) -> bytes:
        row = bench.row(number, name=f"token{number}x")
        letter = template.render(row, bench.person(row))
        assert {f"token{number}x"} == {
            word
            for word in (letter.text + (letter.html or "") + letter.subject)
            .replace("<", " ")
            .replace(">", " ")
            .split()
            if word.startswith("token")
        }
        return b"".join(template.compose(letter, MESSAGE_ID, MOMENT))

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(octets, range(200)))
    assert together == [octets(number) for number in range(200)]


def test_T12_a_template_travels_to_another_process(bench: Bench) -> None:
    """Pickled, it is made anew from its arguments, and makes the same octets."""
    template = bench.template("\nDear {{ name }}")
    again = pickle.loads(pickle.dumps(template))
    assert again.fingerprint == template.fingerprint
    assert bench.octets(again) == bench.octets(template)


def test_T12_a_template_whose_files_changed_does_not_travel(bench: Bench) -> None:
    """Another process must not send another text."""
    bench.write("part.txt", "one")
    template = bench.template('\n{% include "part.txt" %}')
    packed = pickle.dumps(template)
    bench.write("part.txt", "two")
    with pytest.raises(Refused, match="changed"):
        pickle.loads(packed)


def test_row_faults_and_letters_travel_to_another_process(bench: Bench) -> None:
    """Workers hand both back."""
    template = bench.template("\n{{ name | number }}")
    with pytest.raises(RowFault) as fault:
        bench.letter(template)
    assert pickle.loads(pickle.dumps(fault.value)).problems == fault.value.problems
    letter = bench.letter(bench.template("\n{{ name }}"))
    assert pickle.loads(pickle.dumps(letter)) == letter


def test_a_letters_repr_holds_no_cell(bench: Bench) -> None:
    """But address and key, so that no log or traceback tells a salary."""
    text = FROM + "X-N: {{ name }}\n\n{{ name }} {{ net }}"
    shown = repr(bench.letter(bench.template(text, "m.md"), name="Confidential"))
    assert "wang@example.org" in shown
    assert "Confidential" not in shown
    assert "1,234" not in shown


def test_columns_by_title_by_name_and_all_of_them(bench: Bench) -> None:
    """`row["Staff no."]`, `staff_no`, `row.staff_no`, and every column in a loop."""
    template = bench.template(
        '\n{{ row["Staff no."] }} {{ staff_no }} {{ row.staff_no }} {{ row["staff_no"] }}'
    )
    assert bench.letter(template).text == "0042 0042 0042 0042\n"
    assert {bench.columns[index].title for index in template.used} == {"email", "name", "Staff no."}
    template = bench.template("\n{% for title, cell in row.items() %}{{ title }}={{ cell }};{% endfor %}")
    assert (
        bench.letter(template).text
        == "email=wang@example.org;name=Wang Fang;net=1,234.50;Staff no.=0042;n=0;\n"
    )
    assert len(template.used) == 5


def test_computed_numbers_print_as_a_sheet_would_show_them(bench: Bench) -> None:
    """No float dust, no `.0`."""
    assert bench.letter(bench.template("\n{{ 0.1 + 0.2 }} {{ net * 2 }} {{ n + 3 }}")).text == "0.3 2469 3\n"


def test_none_is_never_printed(bench: Bench) -> None:
    """`None` in a mail is a fault."""
    assert len(row_problems(bench, FROM + "\n{{ none }}{{ name }}")) == 1


def test_a_rows_own_problems_stop_it(bench: Bench) -> None:
    """What the source found wrong with a row is told with the rest."""
    from mailmerge_cli.errors import Problem
    from mailmerge_cli.model.table import Row

    template = bench.template("\n{{ name }}")
    row = Row(3, bench.row().cells, (Problem(3, "net", "length", "row is too short"),))
    with pytest.raises(RowFault, match="too short"):
        template.render(row, bench.person(bench.row()))


def test_built_in_names_are_those_that_templates_have(bench: Bench) -> None:
    """Every name that is always there is listed, so that no column hides it."""
    assert {
        "row",
        "today",
        "now",
        "month",
        "last_month",
        "campaign",
        "run",
        "range",
        "namespace",
    } <= BUILT_IN_NAMES


def test_half_a_surrogate_pair_is_a_problem_not_a_crash(bench: Bench) -> None:
    """It cannot be written in UTF-8."""
    [(_, _, message)] = row_problems(bench, FROM + "\n{{ row['Staff no.'] }}", **{"Staff no.": "x\ud800y"})
    assert "surrogate" in message
