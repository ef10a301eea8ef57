"""East Asian numerals of `[DBNum1]` (一二三), `[DBNum2]` (壹贰叁, as on cheques) and `[DBNum3]` (full-width figures).

`General` and parts of dates are written with their powers of ten (一百二十三), placeholders figure by figure (一二三).
Doubt: Japanese and Korean details follow what is printed in those countries; they were not compared with Excel.
"""

from __future__ import annotations

_CHINESE, _TAIWAN, _JAPANESE = ("804", "404", "411")
_FIGURES = {
    (_CHINESE, 1): "〇一二三四五六七八九", (_CHINESE, 2): "零壹贰叁肆伍陆柒捌玖",
    (_TAIWAN, 1): "○一二三四五六七八九", (_TAIWAN, 2): "零壹貳參肆伍陸柒捌玖",
    (_JAPANESE, 1): "〇一二三四五六七八九", (_JAPANESE, 2): "〇壱弐参四伍六七八九",
}  # fmt: skip
_WIDE = "０１２３４５６７８９"
_SMALL = {1: ("", "十", "百", "千"), 2: ("", "拾", "佰", "仟"), 3: ("", "十", "百", "千")}
_SMALL_JAPANESE = {1: ("", "十", "百", "千"), 2: ("", "拾", "百", "阡"), 3: ("", "十", "百", "千")}
_BIG = {
    (_CHINESE, 1): ("", "万", "亿", "万"), (_CHINESE, 2): ("", "万", "亿", "万"),
    (_TAIWAN, 1): ("", "萬", "億", "兆"), (_TAIWAN, 2): ("", "萬", "億", "兆"),
    (_JAPANESE, 1): ("", "万", "億", "兆"), (_JAPANESE, 2): ("", "萬", "億", "兆"),
}  # fmt: skip


def figure_by_figure(text: str, numerals: int, language: int) -> str:
    """Each figure of the text replaced, the rest left as it is."""
    return text.translate(dict(zip(range(ord("0"), ord("9") + 1), _figures(numerals, language), strict=True)))


def positional(text: str, numerals: int, language: int, short_ten: bool = False) -> str:
    """A number's text with the powers of ten written out before the point; 十 instead of 一十 if `short_ten`."""
    number, point, rest = text.partition(".")
    if not number.isdigit() or len(number) > 16:
        return figure_by_figure(text, numerals, language)
    written = _written(number, numerals, language)
    one = _figures(numerals, language)[1]
    ten = _small(numerals, language)[1]
    if short_ten and written.startswith(one + ten):
        written = written[1:]
    return written + point + figure_by_figure(rest, numerals, language)


def _place(language: int) -> str:
    """Whose numerals: 804, 404 or 411."""
    if language & 0x3FF == 0x11:
        return _JAPANESE
    return _TAIWAN if language in {0x404, 0xC04, 0x1404} else _CHINESE


def _figures(numerals: int, language: int) -> str:
    return _WIDE if numerals == 3 else _FIGURES[_place(language), numerals]


def _small(numerals: int, language: int) -> tuple[str, ...]:
    return (_SMALL_JAPANESE if _place(language) == _JAPANESE else _SMALL)[numerals]


def _written(number: str, numerals: int, language: int) -> str:
    """A whole number in groups of four figures, one zero for each gap between figures."""
    figures = _figures(numerals, language)
    japanese = _place(language) == _JAPANESE
    big = _BIG[_place(language), 1 if numerals == 3 else numerals]
    number = number.lstrip("0")
    if not number:
        return figures[0]
    text, gap = "", False
    for at, figure in enumerate(number):
        left = len(number) - 1 - at
        if figure == "0":
            gap = True
        else:
            text += figures[0] if gap and not japanese else ""
            bare = japanese and numerals == 1 and figure == "1" and left % 4
            text += ("" if bare else figures[int(figure)]) + _small(numerals, language)[left % 4]
            gap = False
        # 万 before 亿 counts 亿 too (1234万亿), so there the group above keeps the lower one's name alive.
        group = 7 if left == 8 and big[3] == "万" else 3
        if left and left % 4 == 0 and number[max(0, at - group) : at + 1].strip("0"):
            text += big[left // 4]
    return text
