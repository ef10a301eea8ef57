"""The words of a message to start from, in the language of the list's own titles: Chinese, or English."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailmerge_cli.model.table import Column

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_OTHER = re.compile(
    "[\u3040-\u30ff\u1100-\u11ff\uac00-\ud7af]"
)  # kana and hangul: Japanese and Korean have Han too


@dataclass(frozen=True, slots=True)
class Words:
    """What a starter says; `%s` is the name that is greeted.

    Attributes:
        language: for HTML.
        you: stands where the person writes his own name.
        greeting: a whole line.
        whole_name: how given and family name are put together, as an expression of a template.
        colleague, reader, anybody: greeted where a name is blank.
        payslip, news, letter: subjects.
        figures, no_figures: the line before the table, and the one where there is none.
        table: the titles of the table.
        write_news, write_letter: what is to be replaced.
        regards: before the name at the end.
    """

    language: str
    you: str
    greeting: str
    whole_name: str
    colleague: str
    reader: str
    anybody: str
    payslip: str
    news: str
    letter: str
    figures: str
    no_figures: str
    table: str
    write_news: str
    write_letter: str
    regards: str


_ENGLISH: Final = Words(
    language="en",
    you="Your Name",
    greeting="Dear %s,",
    whole_name='{given} ~ " " ~ {family}',
    colleague="colleague",
    reader="reader",
    anybody="Sir or Madam",
    payslip="Your payslip for {{ run }}",
    news="Our news",
    letter="A letter",
    figures="these are your figures for {{ run }}.",
    no_figures="this is your payslip for {{ run }}.",
    table="| | Amount |",
    write_news="write your news here.",
    write_letter="write your letter here.",
    regards="Kind regards",
)
_CHINESE: Final = Words(
    language="zh",
    you="您的姓名",
    greeting="%s，您好：",
    whole_name="{family} ~ {given}",
    colleague="同事",
    reader="读者",
    anybody="先生/女士",
    payslip="{{ run }} 工资条",
    news="最新消息",
    letter="来信",
    figures="您 {{ run }} 的工资明细如下。",
    no_figures="这是您 {{ run }} 的工资条。",
    table="| 项目 | 金额 |",
    write_news="请在此处填写消息内容。",
    write_letter="请在此处填写信件内容。",
    regards="祝好",
)


def words_for(columns: Sequence[Column]) -> Words:
    """Chinese where more than half of the titles are; a title in kana or hangul says that it is another language."""
    titles = [column.title for column in columns if column.title]
    chinese = sum(bool(_HAN.search(title)) for title in titles)
    if chinese * 2 > len(titles) and not any(_OTHER.search(title) for title in titles):
        return _CHINESE
    return _ENGLISH
