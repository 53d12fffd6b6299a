"""Long text → sentences → pieces short enough to say in one breath, cut where a speaker would pause."""

from __future__ import annotations

import re
import unicodedata

import regex

from valle_language.habits import writing_of
from valle_language.normalise import abbreviation_pattern
from valle_language.writing.rules import Writing

_CLOSE = r"(?P<close>(?:[\"'”’»)\]』」）】]| ?»)*)(?P<space>\s*)"
_END = regex.compile(rf"(?V1)(?P<mark>[.!?…]+|[\p{{Sentence_Terminal}}--[.!?]]+){_CLOSE}")
_WIDE_ENDS = "。！？｡．』」）】"
_INITIAL = re.compile(r"(?:^|[\s(.\-])[^\W\d_]\.$")
_PHONEMES = re.compile(r"\[\[.*?\]\]", re.DOTALL)
_ADDRESS = re.compile(r"[/@=\\]|www\.")
_FULL_WORD = re.compile(r"(?:^|[\s\"'“‘«(])(?:[^\W\d_]*['’-])?[^\W\d_]{2,}\.$")
"""A word that may end a sentence before a small letter; an initial or a number does not."""

_CLAUSE = re.compile(r"(?<=[,;:—–])\s+|(?<=[、，；：])")
_PARAGRAPH = re.compile(r"\n\s*\n")
WIDE = 3
"""Latin letters a kana, hanzi or hangul syllable counts as: about so much longer is it spoken."""


def split_sentences(text: str, language: str) -> list[str]:
    """Sentences in order; their words are those of `text`, white space between them aside.

    They end at every mark that Unicode calls a sentence terminal, before a small letter and without a space too; never
    inside a number, an abbreviation, initials, an address, phonemes in `[[ ]]` or a German ordinal. An empty line
    always parts.
    """
    writing = writing_of(language)
    found: list[str] = []
    for paragraph in _PARAGRAPH.split(text):
        start = 0
        kept = [found.span() for found in _PHONEMES.finditer(paragraph)] if "[[" in paragraph else []
        for end in _END.finditer(paragraph):
            inside = any(left < end.start() < right for left, right in kept)
            if not inside and _ends(paragraph, start, end, writing):
                found.append(paragraph[start : end.end()])
                start = end.end()
        found.append(paragraph[start:])
    return [" ".join(sentence.split()) for sentence in found if any(c.isalnum() for c in sentence)]


def length(text: str) -> int:
    """Letters, where a wide one counts `WIDE`."""
    return sum(WIDE if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def split_long(sentence: str, most: int) -> list[str]:
    """Pieces of at most `most` letters: cut at clauses, else between words, else (one endless word) anywhere."""
    if length(sentence) <= most:
        return [sentence]
    clauses = _packed([piece for piece in _CLAUSE.split(sentence) if piece], most)
    pieces: list[str] = []
    for clause in clauses:
        pieces.extend([clause] if length(clause) <= most else _packed(clause.split(), most))
    return [cut for piece in pieces for cut in _cut(piece, most)]


def pieces_of(text: str, language: str, most: int) -> list[str]:
    """Sentences, the long ones in clauses."""
    return [piece for sentence in split_sentences(text, language) for piece in split_long(sentence, most)]


def _ends(text: str, start: int, end: regex.Match[str], writing: Writing | None) -> bool:
    """Whether a sentence ends at this mark."""
    rest = text[end.end() :]
    if not rest:
        return False
    if end["mark"][0] in _WIDE_ENDS:
        return not rest.startswith(("と", "って"))
    if end["mark"][0] not in ".!?…":
        return True
    before = text[start : end.start()] + end["mark"]
    upcoming = rest.lstrip("\"'“‘«([¿¡")[:1]
    if not end["space"] and not _glued(before, rest):
        return False
    if upcoming.islower() and not _before_small_letter(end, before):
        return False
    if end["mark"] != ".":
        return True
    if re.search(r"(?:^|\s)\d{1,3}\.$", before) and writing is not None and writing.code == "de":
        return rest.split(" ")[0].strip(".,") not in writing.months and not re.search(
            r"\b(der|die|das|dem|den|am|im|vom|zum|des|beim) \d{1,3}\.$", before, re.IGNORECASE
        )
    starts = writing is not None and writing.starters != "" and re.match(rf"(?:{writing.starters})\b", rest)
    short = _abbreviation_at(before, writing, figure=upcoming.isdigit())
    if short is None:
        return not _INITIAL.search(before) or bool(starts and before[-2:-1].isupper())
    if starts and short[-2:-1].isupper():  # Ph.D. She left
        return True
    return short in (writing.closing if writing else ()) and (upcoming.isupper() or not upcoming.isalnum())


def _before_small_letter(end: regex.Match[str], before: str) -> bool:
    """`there. how`, `really? yes`; not `"Really?" she said`, `Wait... what`, `5. may`."""
    if end["close"] or end["mark"][0] == "…" or end["mark"].startswith(".."):
        return False
    return end["mark"] != "." or (_FULL_WORD.search(before) is not None and not _has_no_vowel(before))


def _has_no_vowel(before: str) -> bool:
    """Of the last word: then it is short for another (`cf.`, `Mrd.`)."""
    letters = re.split(r"[^\w]", before[:-1])[-1]
    base = unicodedata.normalize("NFD", letters.lower())
    return not re.search("[aeiouyøæœаеёиоуыэюяіїєαεηιουω]", base)


def _glued(before: str, rest: str) -> bool:
    """`there.How`, `you?I`: a small letter, the mark, a capital that begins a word, and no address."""
    word = re.split(r"\s", before)[-1] + re.split(r"\s", rest, maxsplit=1)[0]
    if _ADDRESS.search(word):
        return False
    letters = before.rstrip(".!?…")[-1:]
    opens = rest.lstrip("\"'“‘«([¿¡")
    if not (letters.islower() or letters in ")\"'”’»") or not opens[:1].isupper():
        return False
    if before.endswith(("!", "?")):
        return True
    last = re.split(r"[^\w'’-]", before.rstrip(".…"))[-1]
    return last.islower() and (len(last) > 1) and (opens[1:2].islower() or not opens[1:2].isalnum())


def _abbreviation_at(before: str, writing: Writing | None, *, figure: bool) -> str | None:
    """The abbreviation that ends here, or None; `figure`: a number follows."""
    if writing is None:
        return None
    names = tuple(word.rstrip("#") for word in writing.abbreviations if figure or not word.endswith("#"))
    for found in abbreviation_pattern(names).finditer(before):
        # `z. B.` is met at its first full stop too: there the text goes on with what the abbreviation needs.
        if found.end() == len(before):
            return found.group()
    for name in names:
        first = name.split(" ")[0]
        if " " in name and re.search(rf"(?<![\w.]){re.escape(first)}$", before):
            return first
    return None


def _packed(parts: list[str], most: int) -> list[str]:
    """Neighbours joined while they fit."""
    packed: list[str] = []
    for part in parts:
        gap = "" if packed and packed[-1][-1:] in "、，；：" and packed[-1] else " "
        if packed and length(packed[-1]) + len(gap) + length(part) <= most:
            packed[-1] += gap + part
        else:
            packed.append(part)
    return packed


def _cut(piece: str, most: int) -> list[str]:
    cuts, now = [], ""
    for character in piece:
        if now and length(now + character) > most:
            cuts.append(now)
            now = ""
        now += character
    return [*cuts, now]
