"""Names of months, weekdays and halves of the day in the languages that a format code can ask for (`[$-804]`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """The words of one language; weeks begin on Sunday, years in January.

    Attributes:
        months, months_short: `mmmm` and `mmm`.
        days, days_short: `dddd` and `ddd`.
        days_bare: `aaa`, where East Asian Excel shows one character.
        halves: for `AM/PM`.
    """

    months: tuple[str, ...]
    months_short: tuple[str, ...]
    days: tuple[str, ...]
    days_short: tuple[str, ...]
    days_bare: tuple[str, ...] = ()
    halves: tuple[str, str] = ("AM", "PM")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_ENGLISH_MONTHS = _words(
    "January February March April May June July August September October November December"
)
_ENGLISH_DAYS = _words("Sunday Monday Tuesday Wednesday Thursday Friday Saturday")
_ENGLISH = Names(
    _ENGLISH_MONTHS,
    tuple(name[:3] for name in _ENGLISH_MONTHS),
    _ENGLISH_DAYS,
    tuple(name[:3] for name in _ENGLISH_DAYS),
)
_NUMBERED = tuple(f"{month}月" for month in range(1, 13))
_CHINESE_MONTHS = _words("一月 二月 三月 四月 五月 六月 七月 八月 九月 十月 十一月 十二月")
_CHINESE_DAYS = _words("星期日 星期一 星期二 星期三 星期四 星期五 星期六")
_CHINESE_BARE = _words("日 一 二 三 四 五 六")
_CHINESE = Names(
    _CHINESE_MONTHS,
    _NUMBERED,
    _CHINESE_DAYS,
    tuple("周" + day for day in _CHINESE_BARE),
    _CHINESE_BARE,
    ("上午", "下午"),
)
_TAIWAN = Names(
    _CHINESE_MONTHS,
    _NUMBERED,
    _CHINESE_DAYS,
    tuple("週" + day for day in _CHINESE_BARE),
    _CHINESE_BARE,
    ("上午", "下午"),
)
_JAPANESE_DAYS = _words("日 月 火 水 木 金 土")
_JAPANESE = Names(
    _NUMBERED,
    tuple(map(str, range(1, 13))),
    tuple(day + "曜日" for day in _JAPANESE_DAYS),
    _JAPANESE_DAYS,
    _JAPANESE_DAYS,
    ("午前", "午後"),
)
_KOREAN_DAYS = _words("일 월 화 수 목 금 토")
_KOREAN = Names(
    tuple(f"{month}월" for month in range(1, 13)), tuple(map(str, range(1, 13))),
    tuple(day + "요일" for day in _KOREAN_DAYS), _KOREAN_DAYS, _KOREAN_DAYS, ("오전", "오후"),
)  # fmt: skip
_GERMAN = Names(
    _words("Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
    _words("Jan Feb Mrz Apr Mai Jun Jul Aug Sep Okt Nov Dez"),
    _words("Sonntag Montag Dienstag Mittwoch Donnerstag Freitag Samstag"),
    _words("So Mo Di Mi Do Fr Sa"),
)
_FRENCH = Names(
    _words("janvier février mars avril mai juin juillet août septembre octobre novembre décembre"),
    _words("janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc."),
    _words("dimanche lundi mardi mercredi jeudi vendredi samedi"),
    _words("dim. lun. mar. mer. jeu. ven. sam."),
)
_SPANISH = Names(
    _words("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
    _words("ene feb mar abr may jun jul ago sep oct nov dic"),
    _words("domingo lunes martes miércoles jueves viernes sábado"),
    _words("dom lun mar mié jue vie sáb"),
)
_ITALIAN = Names(
    _words("gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre"),
    _words("gen feb mar apr mag giu lug ago set ott nov dic"),
    _words("domenica lunedì martedì mercoledì giovedì venerdì sabato"),
    _words("dom lun mar mer gio ven sab"),
)
_PORTUGUESE = Names(
    _words("janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro"),
    _words("jan fev mar abr mai jun jul ago set out nov dez"),
    _words("domingo segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado"),
    _words("dom seg ter qua qui sex sáb"),
)
_DUTCH = Names(
    _words("januari februari maart april mei juni juli augustus september oktober november december"),
    _words("jan feb mrt apr mei jun jul aug sep okt nov dec"),
    _words("zondag maandag dinsdag woensdag donderdag vrijdag zaterdag"),
    _words("zo ma di wo do vr za"),
)
# By the primary language: the low ten bits of a Windows language identifier.
_LANGUAGES = {
    0x04: _CHINESE, 0x07: _GERMAN, 0x0A: _SPANISH, 0x0C: _FRENCH, 0x10: _ITALIAN, 0x11: _JAPANESE, 0x12: _KOREAN,
    0x13: _DUTCH, 0x16: _PORTUGUESE,
}  # fmt: skip
TAIWAN = 0x404
JAPAN = 0x411
_TRADITIONAL = {TAIWAN, 0xC04, 0x1404}


def names_of(language: int) -> Names:
    """The words of a language; English where the identifier is 0 or unknown here."""
    return _TAIWAN if language in _TRADITIONAL else _LANGUAGES.get(language & 0x3FF, _ENGLISH)
