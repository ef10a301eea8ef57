"""Which characters the bytes of a text file are: said by the person or by a mark, else guessed, and always proved.

Rule: the whole file is decoded strictly before the first row is read; a byte that does not fit refuses the file (F02).
A wrong letter in a name is worse than no mail, so nothing is ever replaced or skipped.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from dataclasses import dataclass

from mailmerge_cli.errors import Problem, Refused
from mailmerge_cli.sources.scruple import FORBIDDEN
from mailmerge_cli.sources.snapshot import Snapshot

SAMPLE = 1 << 18
_CHUNK = 1 << 20
_LONGEST_LINE = 4 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_C1 = re.compile("[\x80-\x9f]")
_WINDOWS = {"iso8859-1": "cp1252", "iso8859-9": "cp1254"}
"""Encodings under whose names Windows' own are usual (WHATWG, Encoding: labels): the same letters, and signs where these have C1 controls."""

_ASK = "save it as “CSV UTF-8”, or say its encoding with --encoding"


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of a text file once every byte of it was decoded.

    Attributes:
        encoding: a codec's name; it does not eat the mark at the beginning.
        skip: bytes of that mark.
        guessed: neither the file nor the person said it.
        digest: SHA-256 of all bytes.
        clean: no character in it that `scruple.FORBIDDEN` would find.
    """

    encoding: str
    skip: int
    guessed: bool
    digest: bytes
    clean: bool


class _Misfit(Exception):
    """A byte that the encoding has no character for."""

    def __init__(self, offset: int, line: int, column: int, byte: int) -> None:
        super().__init__(offset)
        self.offset, self.line, self.column, self.byte = offset, line, column, byte


def proved(snapshot: Snapshot, wanted: str) -> Proof:
    """The encoding of a file, proved on all of it.

    Args:
        snapshot: the file.
        wanted: the person's word; empty to find out.

    Raises:
        Refused: a byte does not fit; line and column are told.
    """
    head = snapshot.head(SAMPLE)
    mark, marked = next(((mark, name) for mark, name in _MARKS if head.startswith(mark)), (b"", ""))
    said = _codec(wanted) if wanted else marked or _wide(head)
    if said:
        skip = len(mark) if _same(said, marked) else 0
        try:
            return _proof(snapshot, marked if skip else said, skip, guessed=not (wanted or marked))
        except _Misfit as misfit:
            raise _refusal(snapshot, said, misfit) from None
    try:
        return _proof(snapshot, "utf-8", 0, guessed=False)
    except _Misfit as misfit:
        sample = _around(snapshot, misfit.offset)
        if _nearly_utf8(sample):
            raise _refusal(snapshot, "utf-8", misfit) from None
    return _guessed(snapshot, sample)


def _guessed(snapshot: Snapshot, sample: bytes) -> Proof:
    guess = _guess(sample)
    if not guess:
        raise Refused(f"{snapshot.path}: its character encoding cannot be told", hint=_ASK)
    try:
        return _proof(snapshot, guess, 0, guessed=True)
    except _Misfit as misfit:
        raise _refusal(snapshot, guess, misfit) from None


def _codec(name: str) -> str:
    """The codec that a person named. Refused if Python has none of that name, or it is none for text."""
    try:
        # Other codecs than those for text (rot13, hex) refuse to encode a str.
        "a".encode(name)
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        raise Refused(
            f"{name!r} is no character encoding", hint="usual ones are utf-8, gb18030, big5, cp932, cp1252"
        ) from None


def _same(said: str, marked: str) -> bool:
    """Whether the mark at the beginning is one of the encoding that was said: `utf-16` stands for either order of bytes."""
    return bool(marked) and (said in {marked, marked.rpartition("-")[0], f"{marked}-sig"})


def _wide(head: bytes) -> str:
    """UTF-16 without a mark: every other byte of Latin letters, digits and commas is zero."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if not even + odd or (even + odd) * 10 < len(head):
        return ""
    if not even:
        return "utf-16-le"
    return "utf-16-be" if not odd else ""


def _proof(snapshot: Snapshot, encoding: str, skip: int, *, guessed: bool) -> Proof:
    """One pass over all bytes: hashed, decoded, looked through."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    digest = hashlib.sha256()
    clean = True
    place = _Place()
    with snapshot.open() as stream:
        digest.update(stream.read(skip))
        while True:
            chunk = stream.read(_CHUNK)
            digest.update(chunk)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as fault:
                place.pass_over(bytes(fault.object[: fault.start]).decode(encoding))
                end = stream.tell() - len(fault.object)
                raise _Misfit(
                    end + fault.start, place.line, place.column, fault.object[fault.start]
                ) from None
            except UnicodeError:  # UTF-16 that was said, where no mark tells the order of its bytes
                raise Refused(f"{snapshot.path} is no {encoding.upper()} text", hint=_ASK) from None
            if encoding in _WINDOWS and (found := _C1.search(text)):
                place.pass_over(text[: found.start()])
                raise _windows(snapshot, encoding, place, ord(found[0]))
            clean = clean and not FORBIDDEN.search(text)
            place.pass_over(text)
            if place.column > _LONGEST_LINE:
                raise Refused(
                    f"{snapshot.path}, line {place.line}: the line is longer than {_LONGEST_LINE:,} characters"
                )
            if not chunk:
                return Proof(encoding, skip, guessed, digest.digest(), clean)


def _windows(snapshot: Snapshot, encoding: str, place: _Place, byte: int) -> Refused:
    """Browsers read it as the Windows encoding unasked; here a person says so and looks, for a wrong letter is worse than no mail."""
    name, windows = encoding.upper(), _WINDOWS[encoding]
    message = f"byte 0x{byte:02X} in column {place.column} is a control character in {name}, which no mail may carry"
    return Refused(
        f"{snapshot.path}, line {place.line}: {message}",
        hint=f"It is most likely Windows' kind of {name}, with “ ” – and €: say --encoding {windows}, and look at some mails with `mailmerge preview`",
        problems=(Problem(place.line, None, "encoding", message),),
    )


class _Place:
    """Line and column of the next character, both from 1; CR, LF and CRLF end a line."""

    def __init__(self) -> None:
        self.line, self.column = 1, 1
        self._half = False  # a CR was last; an LF behind it belongs to it

    def pass_over(self, text: str) -> None:
        """Move on."""
        if not text:
            return
        breaks = text.count("\n") + text.count("\r") - text.count("\r\n")
        if self._half and text[0] == "\n":
            breaks -= 1
        last = max(text.rfind("\n"), text.rfind("\r"))
        self.line += breaks
        self.column = len(text) - last if last >= 0 else self.column + len(text)
        self._half = text[-1] == "\r"


def _refusal(snapshot: Snapshot, encoding: str, misfit: _Misfit) -> Refused:
    message = f"byte 0x{misfit.byte:02X} in column {misfit.column} is no character of {encoding.upper()}"
    return Refused(
        f"{snapshot.path}, line {misfit.line}: {message}",
        hint=_ASK,
        problems=(Problem(misfit.line, None, "encoding", message),),
    )


def _around(snapshot: Snapshot, offset: int) -> bytes:
    """A sample with the byte that was no UTF-8, from the beginning of a line."""
    with snapshot.open() as stream:
        start = max(0, offset - SAMPLE // 2)
        stream.seek(start)
        sample = stream.read(SAMPLE)
    return sample[sample.find(b"\n", 0, SAMPLE // 4) + 1 :] if start else sample


def _nearly_utf8(sample: bytes) -> bool:
    """Whether it is UTF-8 with a few damaged places: other encodings hardly ever look like it (F02)."""
    text = sample.decode("utf-8", "surrogateescape")
    good = bad = 0
    for character in text:
        if character >= "\x80":
            if "\udc80" <= character <= "\udcff":
                bad += 1
            else:
                good += 1
    # The sample may end within a character. Where there are few letters, more whole ones than broken ones are enough: of
    # 3000 lists of one to three Chinese, Japanese or Korean names in their own encodings, fewer than one in a hundred has so many.
    return good > max(bad, 4 * (bad - 3))


def _guess(sample: bytes) -> str:
    """The most plausible encoding; empty if none is."""
    from charset_normalizer import from_bytes

    # Pure ASCII lines tell nothing and drown the rest.
    telling = b"\n".join([line for line in sample.splitlines() if not line.isascii()][:2000])[: 1 << 16]
    matches = list(from_bytes(telling, cp_isolation=[*_EAST, *_WEST]))
    names = {match.encoding for match in matches if match.chaos <= matches[0].chaos + 0.1}
    east = [name for name in _EAST if name in names]
    west = [name for name in _WEST if name in names]
    if east and (not west or matches[0].encoding in _EAST):
        return max(east, key=lambda name: _usual(telling, name))
    # A few short names are too little for statistics, and are told as Cyrillic or Greek.
    if plain := [name for name in _EAST if _plainly(telling, name)]:
        return max(plain, key=lambda name: _usual(telling, name))
    if not matches:
        return ""
    if _western(telling):
        return "cp1252"
    return next((name for name in [match.encoding for match in matches] if name != "cp1252"), "")


# Lead bytes of the characters that people use most, by the standards behind the encodings: GB 2312 and Big5 level 1,
# kana and JIS level 1, Hangul syllables of KS X 1001.
_EAST = {
    "gb18030": range(0xB0, 0xD8),
    "big5": range(0xA4, 0xC7),
    "cp932": (*range(0x82, 0x84), *range(0x88, 0x98)),
    "euc_jp": (*range(0xA4, 0xA6), *range(0xB0, 0xD0)),
    "cp949": range(0xB0, 0xC9),
}
_HIGH = re.compile(rb"[\x80-\xff]+")
_PLAIN = 0.9
_WEST = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257")
_WESTERN = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿœšžßÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝŸŒŠŽ")


def _usual(sample: bytes, encoding: str) -> float:
    """How much of the text beyond ASCII is made of usual characters, from 0 to 1."""
    usual = total = 0
    for character in sample.decode(encoding, "ignore"):
        if character >= "\x80":
            form = character.encode(encoding, "ignore")
            total += 1
            usual += len(form) == 2 and form[0] in _EAST[encoding]
    return usual / total if total else 0.0


def _plainly(sample: bytes, encoding: str) -> bool:
    """Whether bytes beyond ASCII come in pairs only, and nearly all of them make usual characters.

    Lower-case letters of the one-byte encodings lie above these lead bytes, so words of theirs hardly ever look like this.
    """
    pairs = all(len(run) % 2 == 0 for run in _HIGH.findall(sample))
    return pairs and _usual(sample, encoding) >= _PLAIN


def _western(sample: bytes) -> bool:
    """Whether it reads as Western European: no sign but a letter stands inside a word (`£ukasz` is Polish, misread)."""
    text = sample.decode("cp1252", "replace")
    for at, character in enumerate(text):
        if character < "\x80" or character in _WESTERN:
            continue
        if character == "\ufffd" or character.isalpha():
            return False
        if text[at - 1 : at].isalpha() and text[at + 1 : at + 2].isalpha() and character not in "’·":
            return False
        if character in "£¯³¿¹ª±¥¼¾" and text[at + 1 : at + 2].isalpha():
            return False
    return True
