"""English written forms with figures: money, times, dates, telephones, measures, formulas; rules in their order."""

from __future__ import annotations

import re
from collections.abc import Callable

from valle_language.number_words import MOST_DIGITS, cardinal, digit_words, ordinal, year_words
from valle_language.writing.english_tables import CURRENCIES
from valle_language.writing.english_units import UNITS
from valle_language.writing.rules import Rule

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_MONTH = "|".join([*MONTHS, *(f"{month[:3]}\\.?" for month in MONTHS if month != "May"), "Sept\\.?"])
_BIG = {
    "k": "thousand",
    "K": "thousand",
    "m": "million",
    "M": "million",
    "mn": "million",
    "mm": "million",
    "MM": "million",
    "mil": "million",
    "b": "billion",
    "B": "billion",
    "bn": "billion",
    "Bn": "billion",
    "t": "trillion",
    "T": "trillion",
    "tn": "trillion",
    "trn": "trillion",
    **{word: word for word in ("hundred", "thousand", "million", "billion", "trillion", "quadrillion")},
}
_SCALE = "|".join(sorted(_BIG, key=len, reverse=True))
_SIGN = "|".join(
    (rf"(?<![A-Za-z]){re.escape(sign)}" if sign[0].isalpha() else re.escape(sign))
    for sign in sorted(CURRENCIES, key=len, reverse=True)
)
_UNIT = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True) if unit.isalpha() and unit != "x")
N = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
_CENTS = re.compile(r"\d+\.\d\d|\.\d\d")
_ZONES = "EST|EDT|CST|CDT|MST|MDT|PST|PDT|GMT|UTC|BST|CET|CEST|IST|JST|AEST|ET|PT|CT"


def said(number: str) -> str:
    """`1,234.5` → words; `.5` → `point five`; a number that begins with 0 digit by digit."""
    whole, _, fraction = number.replace(",", "").partition(".")
    digits = (len(whole) > 1 and whole[0] == "0") or len(whole) > MOST_DIGITS
    words = [] if not whole else [digit_words(whole, "en") if digits else cardinal(int(whole), "en")]
    return " ".join([*words, *(["point", digit_words(fraction, "en")] if fraction else [])])


def _counted(number: str, one: str, many: str) -> str:
    return f"{said(number)} {one if number == '1' else many}"


def _price(found: re.Match[str]) -> str:
    """`-$1.2M`, `US$20`, `€5.50`, `£3 billion`, `$5/hour`, a `$20 bill`."""
    coin, cent = CURRENCIES[found["sign"]]
    number, big = found["n"], found["big"]
    minus = "minus " if found["minus"] else ""
    per = " per " if found["per"] else ""
    if big:
        return f"{minus}{said(number)} {_BIG[big]} {coin[1]}{per}"
    if found["single"] is not None:
        return f"{minus}{said(number)} {coin[0]}"
    return f"{minus}{_coins(number, coin, cent)}{per}"


def _price_range(found: re.Match[str]) -> str:
    big = f" {_BIG[found['big']]}" if found["big"] else ""
    return f"{said(found['a'])} to {said(found['b'])}{big} {CURRENCIES[found['sign']][0][1]}"


def _coins(number: str, coin: tuple[str, str, str], cent: tuple[str, str, str]) -> str:
    if not (_CENTS.fullmatch(number.replace(",", "")) and cent[0]):
        return _counted(number, coin[0], coin[1])
    whole, _, fraction = number.replace(",", "").partition(".")
    parts = [_counted(whole, coin[0], coin[1])] if int(whole or 0) or not int(fraction) else []
    parts += [_counted(str(int(fraction)), cent[0], cent[1])] if int(fraction) else []
    return " and ".join(parts)


def _price_behind(found: re.Match[str]) -> str:
    coin, cent = CURRENCIES[found["sign"]]
    minus = "minus " if found["minus"] else ""
    if found["big"]:
        return f"{minus}{said(found['n'])} {_BIG[found['big']]} {coin[1]}"
    return f"{minus}{_coins(found['n'], coin, cent)}"


def clock(hour: int, minute: int, *, half: bool = False) -> str:
    """`half`: AM or PM follows, so that a full hour is the hour alone."""
    if minute == 0:
        return cardinal(hour, "en") if half else "midnight" if hour in (0, 24) else f"{cardinal(hour, 'en')} o'clock"
    return f"{cardinal(hour, 'en')} {'oh ' if minute < 10 else ''}{cardinal(minute, 'en')}"


def _clock(found: re.Match[str]) -> str:
    half = (found["half"] or "").replace(".", "").upper()
    words = clock(int(found["h"]), int(found["m"]), half=bool(half))
    if found["s"]:
        words = f"{cardinal(int(found['h']), 'en')} {_two(found['m'])} {_two(found['s'])}"
    words += f" {half}" if half else ""
    words += f" {' '.join(found['zone'])}" if found["zone"] else ""
    return words + _stop(found)


def _hour(found: re.Match[str]) -> str:
    first = f"{cardinal(int(found['from']), 'en')} to " if found["from"] else ""
    return f"{first}{cardinal(int(found['h']), 'en')} {found['half'].replace('.', '').upper()}" + _stop(found)


def _stop(found: re.Match[str]) -> str:
    """The full stop of `p.m.` where it ends the sentence too."""
    if not found.group().endswith("."):
        return ""
    rest = found.string[found.end() :]
    return "." if not rest.strip() or re.match(r"[\"'”’)]*\s+[A-Z]", rest) else ""


def _two(digits: str) -> str:
    return (
        digit_words(digits, "en")
        if digits == "00"
        else f"{'oh ' if digits[0] == '0' else ''}{cardinal(int(digits), 'en')}"
    )


def month_of(name: str) -> str:
    """`Sept.` → `September`."""
    return next(month for month in MONTHS if month.startswith(name[:3]))


def _day_month(found: re.Match[str]) -> str:
    the = "" if re.search(r"\b[Tt]he $", found.string[: found.start()]) else "the "
    tail = f"{',' if found['comma'] else ''} {year_words(int(found['y']), 'en')}" if found["y"] else ""
    return f"{the}{ordinal(int(found['d']), 'en')} of {month_of(found['mo'])}{tail}"


def _month_day(found: re.Match[str]) -> str:
    to = f" to {ordinal(int(found['to']), 'en')}" if found["to"] else ""
    tail = f", {year_words(int(found['y']), 'en')}" if found["y"] else ""
    return f"{month_of(found['mo'])} {ordinal(int(found['d']), 'en')}{to}{tail}"


def _phone(found: re.Match[str]) -> str:
    groups = ", ".join(digit_words(group, "en") for group in re.findall(r"\d+", found.group()))
    return f"plus {groups}" if found.group().startswith("+") else groups


def _exponential(found: re.Match[str]) -> str:
    sign = "minus " if found["minus"] else ""
    power = f"{'minus ' if found['e'].startswith('-') else ''}{cardinal(int(found['e'].lstrip('+-')), 'en')}"
    return f"{sign}ten to the {power}" if found["n"] == "1" else f"{sign}{said(found['n'])} times ten to the {power}"


def _feet(found: re.Match[str]) -> str:
    return f"{said(found['ft'])} foot" + (f" {said(found['in'])}" if found["in"] else "")


def _decade(found: re.Match[str]) -> str:
    words = year_words(int(found["n"]), "en")
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


def _decimal_year(found: re.Match[str]) -> str:
    return f"{year_words(int(found['y']), 'en')} {_two(found['n'])}"


def _degrees(found: re.Match[str]) -> str:
    side = {"N": " north", "S": " south", "E": " east", "W": " west"}.get(found["side"] or "", "")
    parts = [_counted(found["d"], "degree", "degrees"), _counted(found["m"], "minute", "minutes")]
    return " ".join(parts + ([_counted(found["s"], "second", "seconds")] if found["s"] else [])) + side


def _word(text: str) -> Callable[[re.Match[str]], str]:
    return lambda found: found.expand(text)


_END = r"(?![\w/]|[.,:-]\d)"
_HALF = r"(?P<half>[AaPp]\.?[Mm]\.|[AaPp][Mm])(?![A-Za-z])"

FORMS: tuple[Rule, ...] = tuple(
    (re.compile(pattern), written)
    for pattern, written in (
        (rf"(?P<sign>{_SIGN}) ?(?P<a>{N}) ?[–-] ?(?P<b>{N})(?: ?(?P<big>{_SCALE})(?![A-Za-z]))?(?![\d.,]*\d)",
         _price_range),
        # ranges first, so that both ends are still figures
        (r"(?<=\d)(?P<a> ?[AaPp]\.?[Mm]\.?)? ?– ?(?=[$€£¥]?\d)", lambda f: f"{f['a'] or ''} to "),
        (r"(?<=\d)(?P<a> ?[AaPp]\.?[Mm]\.?) ?- ?(?=\d)", lambda f: f"{f['a']} to "),
        (r"(?<=\d[%kKmMbB]) ?[–-] ?(?=[$€£¥]?\d)", _word(" to ")),
        (r"(?<=\d[mbt]n) ?[–-] ?(?=[$€£¥]?\d)", _word(" to ")),
        (r"(?<=:\d\d) ?- ?(?=\d{1,2}:\d\d)", _word(" to ")),
        (r"\b401\(k\)", _word("four oh one k")),
        (r"(?<![\d/])24/7(?![\d/])", _word("twenty-four seven")),
        (r"(?<![\d/])9/11(?![\d/])", _word("nine eleven")),
        (r"(?<![\d/])(?P<a>50|20)/(?P=a)(?![\d/])", lambda f: " ".join([cardinal(int(f["a"]), "en")] * 2)),
        (r"(?<![\d/.])(?P<a>\d{2,3})/(?P<b>\d{2,3})(?![\d/.])(?<!(?<!\d)\d\d/\d\d)",
         lambda f: f"{said(f['a'])} over {said(f['b'])}"),
        (r"(?<![\d/])(?P<y>(?:1[89]|20)\d\d)/(?P<n>\d\d)(?![\d/])", _decimal_year),
        (rf"(?<![\w/.-])(?P<mo>1[0-2]|0?[1-9])/(?P<d>[12]\d|3[01]|0?[1-9])/(?P<y>\d\d){_END}",
         lambda f: f"{f['mo']}/{f['d']}/{'20' if int(f['y']) < 40 else '19'}{f['y']}"),
        (rf"(?P<w>\b(?:on|by|since|until|before|after|from|dated) )"
         rf"(?P<mo>1[0-2]|0?[1-9])/(?P<d>[12]\d|3[01]|0?[1-9]){_END}",
         lambda f: f"{f['w']}{MONTHS[int(f['mo']) - 1]} {ordinal(int(f['d']), 'en')}"),
        # telephones
        (r"(?<![\w.,/])(?:\+?\d{1,3}[ .-]?)?\(\d{3}\) ?\d{3}[ .-]\d{4}(?![\w-])", _phone),
        (r"(?<![\w.,/-])(?:\+?1[ .-])?\d{3}([.-])\d{3}\1\d{4}(?![\w-])", _phone),
        (r"(?<![\w.,/$€£-])[2-9]\d\d-\d{4}(?![\w-]|\.\d)", _phone),
        (r"(?<![\w.,/])\+\d{1,3}(?:[ .-]?\(?\d{1,5}\)?){2,6}(?![\w-])", _phone),
        (r"(?<![\w.,/-])0\d{2,4} \d{3,4} ?\d{3,4}(?![\w-])", _phone),
        (r"(?<![\w.,/-])\d{3}-\d\d-\d{4}(?![\w-])", _phone),
        (r"(?<![\w.,/-])\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?![\w-])", _phone),
        (r"(?P<w>\b(?:[Cc]all|[Dd]ial|[Rr]ing|[Pp]hone|PIN|pin|code|ZIP|zip) )(?P<n>\d{3,6})(?![\w,]|[.:]\d)",
         lambda f: f"{f['w']}{digit_words(f['n'], 'en')}"),
        (r"(?P<w>\b[A-Z]{2} )(?P<n>\d{5})(?:-(?P<m>\d{4}))?(?![\w,]|[.:]\d)",
         lambda f: f"{f['w']}{digit_words(f['n'], 'en')}" + (f", {digit_words(f['m'], 'en')}" if f["m"] else "")),
        # addresses of machines
        (r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::(?P<port>\d{2,5}))?(?![\w]|\.\d)",
         lambda f: " dot ".join(digit_words(part, "en") for part in f.group().partition(":")[0].split("."))
         + (f" port {digit_words(f['port'], 'en')}" if f["port"] else "")),
        (r"\b[vV](?P<n>\d+(?:\.\d+)*)(?![\w])",
         lambda f: "version " + " point ".join(said(part) for part in f["n"].split("."))),
        # money
        (rf"\((?P<sign>{_SIGN}) ?(?P<n>{N})\)", lambda f: f"-{f['sign']}{f['n']}"),
        (rf"(?P<minus>(?<![\w)])[-−] ?)?(?P<sign>{_SIGN}) ?(?P<n>{N})(?:[ -]?(?P<big>{_SCALE})(?![A-Za-z]))?"
         r"(?P<single>(?=[ -](?:bill|note|coin|ticket|stamp|fine|tip|fee)\b))?"
         r"(?P<per>/(?=[a-z]))?", _price),
        (rf"(?P<minus>(?<![\w)])[-−])?(?<![\w.,])(?P<n>{N})(?: ?(?P<big>{_SCALE}))? ?(?P<sign>{_SIGN})(?![A-Za-z\d])",
         _price_behind),
        (rf"(?<![\w.,$€£¥])(?P<n>{N})(?P<big>mn|bn|tn|trn|k|M)(?!\w)", lambda f: f"{said(f['n'])} {_BIG[f['big']]}"),
        (r"(?<![\w.,])(?P<n>\d+\.\d+)(?P<big>[BKT])(?!\w)", lambda f: f"{said(f['n'])} {_BIG[f['big']]}"),
        # times
        (r"(?P<w>\b(?:Genesis|Exodus|Psalms?|Isaiah|Matthew|Mark|Luke|John|Acts|Romans|Corinthians) )"
         r"(?P<a>\d{1,3}):(?P<b>\d{1,3})\b", lambda f: f"{f['w']}{said(f['a'])} {said(f['b'])}"),
        (rf"(?<![\d:.,])(?P<h>[01]?\d|2[0-4]):(?P<m>[0-5]\d)(?::(?P<s>[0-5]\d))?(?![\d:]|\.\d)"
         rf"(?: ?{_HALF})?(?: (?P<zone>{_ZONES})\b)?", _clock),
        (rf"(?<![\w:.,])(?:(?P<from>1[0-2]|[1-9]) ?(?:-|to) ?)?(?P<h>1[0-2]|0?[1-9]) ?{_HALF}", _hour),
        (r"\b(?P<z>UTC|GMT) ?(?P<s>[+−-])(?P<n>\d{1,2})(?!\d)",
         lambda f: f"{' '.join(f['z'])} {'plus' if f['s'] == '+' else 'minus'} {said(f['n'])}"),
        (r"(?<![\d:.,/])(?P<a>\d{1,4}) ?: ?(?P<b>\d{1,6})(?![\d:/]|[.,]\d)",
         lambda f: f"{said(f['a'])} to {said(f['b'])}"),
        # dates
        (rf"(?<![\w.,/:-])(?P<d>[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?(?: of)? (?P<mo>{_MONTH})(?![A-Za-z])"
         r"(?:(?P<comma>,)? (?P<y>\d{4})(?![\d,.]\d))?", _day_month),
        (rf"\b(?P<mo>{_MONTH}) (?P<d>[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?(?: ?(?:–|-|to) ?(?P<to>[12]\d|3[01]|[1-9]))?"
         r"(?![\w:/]|[.,]\d)(?:,? (?P<y>\d{4})(?![\d,:]))?", _month_day),
        (rf"\b(?P<mo>{_MONTH}) (?P<y>1\d{{3}}|20\d\d)(?![\w,]|\.\d)",
         lambda f: f"{month_of(f['mo'])} {year_words(int(f['y']), 'en')}"),
        (r"(?P<w>\b(?:in|In|since|Since|year|circa|AD|A\.D\.) )"
         r"(?P<y>1[01]\d\d)(?![\w,%]|[.:]\d)(?! (?:people|men|women))",
         lambda f: f"{f['w']}{year_words(int(f['y']), 'en')}"),
        (r"(?<![\w$€£¥.,])(?P<n>1[1-9]\d\d|20\d\d)(?= (?:people|men|women|children|[a-z]+s)\b)"
         r"(?<!\b(?:in|of|by|to|or) \d{4})(?<!\b(?:the|and|The) \d{4})(?<!\b(?:from|year) \d{4})(?<!\bsince \d{4})",
         lambda f: cardinal(int(f["n"]), "en")),
        (r"['’]?\b(?P<n>\d{1,3}0)['’]?s\b", _decade),
        (r"(?<!\w)['’](?P<n>\d\d)(?!\w|['’])", lambda f: _two(f["n"])),
        # measures and formulas
        (r"(?<![\d/])1/(?P<n>10{2,6})(?![\d/]|[.,]\d)",
         lambda f: f"one {ordinal(int(f['n']), 'en').removeprefix('one ')}"),
        (r"/(?=(?:day|week|month|year|hour|hr|minute|min|second|sec|person|night|head|capita)\b)", _word(" per ")),
        (rf"(?<![\w.,])(?P<n>\d+(?:\.\d+)?)-(?P<u>{_UNIT})(?=[ -][a-z])",
         lambda f: f"{said(f['n'])} {UNITS[f['u']][0]}"),
        (r"(?<![\w.])(?P<d>\d{1,3})° ?(?P<m>\d{1,2})['′’] ?"
         r"(?:(?P<s>\d{1,2}(?:\.\d+)?)[\"″”])? ?(?P<side>[NSEW])?(?!\w)", _degrees),
        (r"(?<![\w.])(?P<ft>\d{1,3})['′’] ?(?P<in>\d{1,2}(?:\.\d+)?)[\"″”]", _feet),
        (r"(?<![\w.])(?P<ft>\d{1,3})(?P<in>(?!))?(?:′|['’](?= (?:tall|long|wide|deep|high)))", _feet),
        (r"(?<![\w.\"“])(?P<n>\d+(?:\.\d+)?)(?:″|[\"”]"
         r"(?=[ -](?:x|×|by|wide|tall|long|deep|thick|screen|TV|laptop|monitor|pipe|disc|pizza|display)\b))",
         lambda f: f"{said(f['n'])} inch"),
        (r"(?P<minus>(?<![\w)])[-−])?(?<![\w.])(?P<n>\d+(?:\.\d+)?)[eE](?P<e>[+-]?\d{1,3})(?!\w)", _exponential),
        (r"(?<![\w.])(?P<n>\d+(?:\.\d+)?) ?(?:x|×) ?10\^(?P<e>-?\d+)", lambda f: f"{f['n']} × 10^{f['e']}"),
        (r"(?<=\w) ?\^ ?\{?(?P<e>-?\d+|[a-z])\}?(?!\w)", lambda f: f" {power_words(f['e'])}"),
        (r"(?<![\w.,])(?P<a>\d{3,5}) ?[x×] ?(?P<b>\d{3,5})(?![\w]|[.,]\d)",
         lambda f: f"{said(f['a'])} by {said(f['b'])}"),
        (r"(?<=\d) ?[x×*] ?(?=\d)", lambda f: " by " if "x" in f.group() else " times "),
        (r"(?<=\d)(?P<u> ?(?:mm|cm|m|km|ft|in|px)) ?[x×] ?(?=\d)", _word(r"\g<u> by ")),
        (r"(?<![\w.,])(?P<n>\d{1,2}(?: \d{3})+)(?! ?\d|[.,]\d)", lambda f: f["n"].replace(" ", ",")),
        (r"(?<![\w.,])(?P<n>\d{3}(?: \d{3}){2,})(?! ?\d|[.,]\d)", lambda f: f["n"].replace(" ", ",")),
        (r"(?<![\w.,])\.(?P<n>\d+)(?!\w)", lambda f: f"point {digit_words(f['n'], 'en')}"),
        (r"(?<=\d) - (?=\d[^=\n]*=)", _word(" minus ")),
        (r"(?<=\d) ?− ?(?=\d)", _word(" minus ")),
        (r"(?<=\d) - (?=\d)", _word(" to ")),
        (r"\b(?P<n>\d[\d,]*)(?:st|nd|rd|th)(?P<s>s?)\b",
         lambda f: ordinal(int(f["n"].replace(",", "")), "en") + f["s"]),
        (r"(?<!\w)~ ?(?=[$€£]?\d)", _word("about ")),
        (r"(?<=\d)\+(?=\s|$|[.,;!?])", _word(" plus")),
    )
)  # fmt: skip
"""In this order."""


def power_words(exponent: str) -> str:
    """`2` → `squared`, `-5` → `to the minus five`."""
    if exponent in ("2", "3"):
        return "squared" if exponent == "2" else "cubed"
    digits = exponent.lstrip("+-")
    words = cardinal(int(digits), "en") if digits.isdigit() else " ".join(digits)
    return f"to the {'minus ' if exponent[0] == '-' else ''}{words}"
