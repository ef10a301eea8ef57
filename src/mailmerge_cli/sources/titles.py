"""The words by which people title the columns of their lists, in the languages that lists are written in.

A title is read as its words (NFKC, case folded, no punctuation); scripts without spaces are searched as they stand. A
language that is missing costs a person one line in campaign.toml, a wrong guess could cost much more: when in doubt, leave out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from enum import IntEnum, StrEnum

_CAMEL = re.compile(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])")
_QUOTES = re.compile("[’'\"״]")
_BREAK = re.compile(r"[\W_]+")


def words(title: str) -> tuple[str, ...]:
    """A title as its words; `e` joins what it belongs to: `E-Mail-Adresse` → `email`, `adresse`; `firstName` → `first`, `name`."""
    plain = _QUOTES.sub("", unicodedata.normalize("NFKC", title))
    found: list[str] = []
    for word in filter(None, _BREAK.split(_CAMEL.sub(" ", plain).casefold())):
        if found[-1:] == ["e"] and word.startswith(("mail", "post", "adres")):
            found[-1] += word
        else:
            found.append(word)
    return tuple(found)


def _joined(title: str) -> str:
    """All the words of a title without anything between them: `Staff no.` → `staffno`."""
    return "".join(words(title))


def _listed(text: str) -> frozenset[str]:
    """Words, written here as `words` would give them (a test holds that): start-up time is felt."""
    return frozenset(text.split())


def _parts(text: str) -> tuple[str, ...]:
    """Pieces of titles; the vowel signs of some scripts go the same way as in the titles."""
    return tuple(map(_joined, text.split()))


_EMAIL = _listed("""
    email emails mail emailadresse emailadressen emailadress emailadres emailaddress mailadresse mailadres mailaddress
    emailaddr emailid mailid emailcím courriel courriels mél correo correoelectrónico correoelectronico correos epost
    epostadress epostadresse sähköposti sähköpostiosoite eposta postaelettronica poczta почта имейл мейл имэйл пошта
    tölvupóstur netfang drótposta epasts epaštas epošta emel surel eadres
""")
_EMAIL_WHOLE = _parts(
    "メールアドレス eメール 电子邮箱 電子郵箱 邮箱地址 郵箱地址 电子邮件地址 電子郵件地址 이메일주소"
)
_EMAIL_PARTS = _parts("""
    邮箱 郵箱 电子邮件 電子郵件 电邮 電郵 邮件地址 郵件地址 电子信箱 電子信箱 メール 이메일 메일 전자우편 ایمیل אימייל דואל
    البريد_الإلكتروني بريد_إلكتروني ईमेल อีเมล thư_điện_tử ηλεκτρονικό_ταχυδρομείο
""")
# What may stand beside those words without telling one address column from another.
_EMAIL_PLAIN = _listed("""
    address addresses adresse adress adres addr id de la di dirección direccion indirizzo endereço адрес электронная
    электронной электронный електронна эл your ihre deine the of recipient recipients empfänger destinataire
""")
_SOMEBODY_ELSE = _listed("""
    manager managers supervisor supervisors boss cc bcc assistant assistants sender from reply replyto absender vorgesetzter
    vorgesetzte vorgesetzten chef responsable jefe superviseur approver emergency notfall spouse referrer recruiter
    copy kopie руководителя начальника
""")
_SOMEBODY_ELSE_PARTS = (
    "上级",
    "上級",
    "主管",
    "经理",
    "經理",
    "领导",
    "抄送",
    "上司",
    "部長",
    "課長",
    "紧急",
    "緊急",
    "상사",
)

_NAME = _listed("""
    name names fullname displayname nombre nombrecompleto nom nomcomplet nome nomecompleto naam navn namn nimi имя фио
    полноеимя імя піб jméno név nama isim adsoyad adısoyadı ime nume vardas vārds όνομα ονοματεπώνυμο tên  họtên họvàtên
    الاسم اسم שם imięinazwisko 姓名 氏名 お名前 名前 名字 성명 이름 收件人 宛名
""") | frozenset(_parts("नाम ชื่อ"))
_NAME_QUALIFIERS = _listed("""
    employee employees staff recipient recipients member members guest guests customer client person student display full
    your participant contact worker donor the of s complete complet complété completo mitarbeiter mitarbeiterin teilnehmer
    empfänger kunde kunden gast del de du empleado employé dipendente сотрудника english voller vollständiger volledige
    员工 職員 员工的 职工 客户 学生 会员 會員 嘉宾 来宾 社員 従業員 会員 中文 英文 漢字 직원 고객 회원
""")
_NAME_ENDS = ("姓名", "이름", "명", "名")
_GIVEN = _listed("""
    firstname givenname givennames forename vorname rufname prénom prenom primernombre voornaam fornavn förnamn etunimi
    utónév keresztnév prenume imię firstnames 名 first given
""")
_FAMILY = _listed("""
    lastname surname familyname nachname familienname zuname nomdefamille apellido apellidos cognome sobrenome apelido
    achternaam etternavn efternavn efternamn sukunimi nazwisko фамилия прізвище příjmení priezvisko vezetéknév soyad soyadı
    prezime priimek 姓 last
""")

_KEY = _listed("""
    personalnummer personalnr persnr mitarbeiternummer mitarbeiternr mitarbeiterid kundennummer kundennr mitgliedsnummer
    mitgliedsnr mitgliednr mitgliedernummer matrikelnummer teilnehmernummer gastnummer matricule numérodematricule
    numérodemployé numéroemployé numéroclient nmatricule legajo númerodeempleado numerodeempleado nempleado matricola
    matrícula personeelsnummer klantnummer medarbejdernummer ansattnummer anställningsnummer henkilönumero
    numerpracownika osobníčíslo табельныйномер табномер sicilno mãnhânviên mãnv badgeno badgenumber badgeid
""")
_KEY_PARTS = _parts("""
    工号 工號 员工编号 員工編號 员工号 職員編號 职工号 职员编号 人员编号 学号 學號 会员号 会员编号 會員編號 客户编号 社員番号 社員コード
    従業員番号 会員番号 学籍番号 職員番号 사번 직원번호 사원번호 회원번호 학번
""")
# Not here: `Contact no.` is a telephone, `Personal number` and `Personnummer` are the state's.
_KEY_OWNERS = _listed("""
    staff employee emp personnel payroll worker member membership customer client student guest donor participant
    subscriber user mitarbeiter mitglied kunden
""")
_KEY_KINDS = _listed("no nr number id code num nummer")
_KEY_WEAK = _listed("id uid key code 编号 編號 kennung clave identifiant")

_NO_AMOUNT = _listed("""
    phone telephone tel telefon téléphone teléfono mobile handy cell fax zip zipcode postcode postalcode postal plz iban
    account konto kontonummer bank bic year jahr age alter id no nr number nummer code key row ssn passport
""")
_NO_AMOUNT_PARTS = (
    "电话",
    "電話",
    "手机",
    "手機",
    "邮编",
    "郵便",
    "账号",
    "帳號",
    "口座",
    "身份证",
    "证号",
    "号码",
    "编号",
    "序号",
    "番号",
    "전화",
    "번호",
)


class Standing(IntEnum):
    """How well a title fits a sense."""

    NONE = 0
    FAIR = 1
    PLAIN = 2


class Sense(StrEnum):
    """What a title may speak of."""

    EMAIL = "email"
    NAME = "name"
    GIVEN = "given"
    FAMILY = "family"
    KEY = "key"
    AMOUNT = "amount"
    SOMEBODY_ELSE = "somebody else"  # a manager, a copy, a sender: another person than the row's


def fits(title: str, sense: Sense) -> Standing:
    """How well a title fits a sense.

    EMAIL: `E-mail address` is plain; `Work e-mail` is fair, for it may be one of several. NAME: `姓名` is plain, `Name of
    employee` fair, `Company name` none. KEY: `Staff no.` is plain, `ID` fair; a running number or a thing's (`Tax ID`,
    `序号`) is none. AMOUNT: numbers under that title may be money; telephone numbers, post codes and years are not.
    """
    return _READERS[sense](words(title))


def _email(found: tuple[str, ...]) -> Standing:
    whole = "".join(found)
    if _somebody_else(found):
        return Standing.NONE
    if whole in _EMAIL or whole in _EMAIL_PARTS or whole in _EMAIL_WHOLE:
        return Standing.PLAIN
    if any(part in whole for part in _EMAIL_PARTS):
        return Standing.FAIR
    others = [word for word in found if word not in _EMAIL]
    if len(others) == len(found):
        return Standing.NONE
    return Standing.PLAIN if _EMAIL_PLAIN.issuperset(others) else Standing.FAIR


def _somebody_else(found: tuple[str, ...]) -> Standing:
    whole = "".join(found)
    said = not _SOMEBODY_ELSE.isdisjoint(found) or any(part in whole for part in _SOMEBODY_ELSE_PARTS)
    return Standing.PLAIN if said else Standing.NONE


def _name(found: tuple[str, ...]) -> Standing:
    whole = "".join(found)
    if not found or _somebody_else(found):
        return Standing.NONE
    if whole in _NAME or _NAME.issuperset(found):
        return Standing.PLAIN
    named = not _NAME.isdisjoint(found) and (_NAME | _NAME_QUALIFIERS).issuperset(found)
    return Standing.FAIR if named or any(_is_whose(whole, name) for name in _NAME_ENDS) else Standing.NONE


def _is_whose(whole: str, name: str) -> bool:
    """`员工姓名`: a name with its owner, in one word."""
    return whole.endswith(name) and whole.removesuffix(name) in _NAME_QUALIFIERS


def _key(found: tuple[str, ...]) -> Standing:
    whole = "".join(found)
    if _somebody_else(found):
        return Standing.NONE
    if whole in _KEY or any(part in whole for part in _KEY_PARTS):
        return Standing.PLAIN
    if any(whole.endswith(kind) and whole.removesuffix(kind) in _KEY_OWNERS for kind in _KEY_KINDS):
        return Standing.PLAIN
    return Standing.FAIR if whole in _KEY_WEAK else Standing.NONE


def _amount(found: tuple[str, ...]) -> Standing:
    whole = "".join(found)
    counted = (
        _key(found) or not _NO_AMOUNT.isdisjoint(found) or any(part in whole for part in _NO_AMOUNT_PARTS)
    )
    return Standing.NONE if counted else Standing.FAIR


def _member_of(names: frozenset[str]) -> Callable[[tuple[str, ...]], Standing]:
    return lambda found: Standing.PLAIN if "".join(found) in names else Standing.NONE


_READERS: dict[Sense, Callable[[tuple[str, ...]], Standing]] = {
    Sense.EMAIL: _email,
    Sense.NAME: _name,
    Sense.GIVEN: _member_of(_GIVEN),
    Sense.FAMILY: _member_of(_FAMILY),
    Sense.KEY: _key,
    Sense.AMOUNT: _amount,
    Sense.SOMEBODY_ELSE: _somebody_else,
}
