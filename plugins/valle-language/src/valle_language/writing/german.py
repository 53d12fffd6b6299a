"""German: ordinals take the ending their surroundings ask for, `1` the form of its noun."""

from __future__ import annotations

import re

from valle_language.number_words import cardinal, ordinal, year_words
from valle_language.roman import ROMAN, roman_value
from valle_language.writing.forms import account, called, per, powers, product, proportion, rewritten, season, telephone
from valle_language.writing.nouns.german import gender
from valle_language.writing.rules import Rule, Writing

_MONTHS = (
    *("Januar", "Februar", "März", "April", "Mai", "Juni"),
    *("Juli", "August", "September", "Oktober", "November", "Dezember"),
)
_SHORT_MONTHS = {name[:3]: name for name in _MONTHS} | {"Sept": "September", "Mrz": "März"}
_ARTICLES = r"(?:[Dd]ie|[Dd]as|[Dd]er)"
_WEAK = (
    r"(?:[Aa]m|[Dd]em|[Dd]en|[Vv]om|[Zz]um|[Zz]ur|[Ii]m|[Ii]ns|[Aa]ns|[Dd]es|[Bb]eim|[Aa]b|[Bb]is|[Ss]eit|"
    r"(?:[Ee]in|[Kk]ein|[Mm]ein|[Dd]ein|[Ss]ein|[Ii]hr|[Uu]nser|[Jj]ed|[Dd]ies|[Jj]en|[Ww]elch)(?:em|en|er|es)|"
    r"eurer|eures)"
)
_BARE = r"(?:[Ee]in|[Kk]ein|[Mm]ein|[Dd]ein|[Ss]ein|[Ii]hr|[Uu]nser)"
_FEMININE = r"(?:[Ee]in|[Kk]ein|[Mm]ein|[Dd]ein|[Ss]ein|[Ii]hr|[Uu]nser|[Jj]ed|[Dd]ies|[Jj]en)e"
_OPENERS = (
    "Aber|Alle|Als|Also|Am|An|Auch|Auf|Aus|Bei|Beim|Bis|Da|Dabei|Daher|Damals|Damit|Danach|Dann|Daraufhin|Das|Dass|"
    "Dem|Den|Denn|Der|"
    "Des|Deshalb|Die|Dies|Diese|Dieser|Dieses|Doch|Dort|Du|Durch|Ein|Eine|Einen|Einem|Einer|Er|Erst|Es|Für|Hier|Ich|"
    "Ihr|Im|In|"
    "Ist|Jede|Jeder|Jedes|Jetzt|Kein|Keine|Können|Man|Mein|Meine|Mit|Nach|Nicht|Noch|Nun|Nur|Ob|Oder|Ohne|Schon|"
    "Sein|Seine|Seit|"
    "Sie|So|Sogar|Um|Und|Unser|Unsere|Viele|Vom|Von|Vor|Warum|Was|Wegen|Weil|Wenn|Wer|Wie|Wir|Wo|Zu|Zum|Zur|Zwar|"
    "Während"
)
_KINDS = (
    "FC|SC|SV|Bundesliga|Liga|Mannschaft|Klasse|Platz|Kapitel|Akt|Preis|Runde|Tag|Woche|Monat|Weltkrieg|"
    "Jahrhunderts?|Jahrtausend|Stock|"
    "Etage|Auflage|Semester|Halbzeit|Teil|Band|Staffel|Folge|Geburtstag|Mal|Quartal|Halbjahr|Obergeschoss|"
    "Untergeschoss|Rang|Gang|Versuch|"
    "Schritt|Stufe|Spieltag|Satz|Reihe|Strophe|Zeile|Person|Advent|Senat|Kammer|Abschnitt|Schuljahr|Lebensjahr|"
    "Jahrgang|Bürgermeister|Vorsitzende"
)
_RANKED = "Weltkrieg|Jahrhundert|Akt|Kapitel|Teil|Band|Klasse|Senat|Konzil|Quartal|Kammer"
_KINGS = (
    "Ludwig|Friedrich|Friedrich Wilhelm|Wilhelm|Heinrich|Karl|Otto|Elisabeth|Georg|Maximilian|Johannes Paul|"
    "Benedikt|Pius|Leo|Gregor|"
    "Innozenz|Franz|Josef|Joseph|Katharina|Peter|Nikolaus|Alexander|Philipp|Ferdinand|Konrad|Rudolf|Leopold|Richard|"
    "Eduard|Jakob|Napoleon|"
    "Ramses|August|Gustav|Christian|Margarethe|Beatrix|Maria|Paul|Clemens|Urban|Felipe|Juan Carlos|Charles|Ernst|"
    "Albrecht|Sigismund|Iwan"
)
_QUEENS = frozenset({"Elisabeth", "Katharina", "Margarethe", "Beatrix", "Maria"})
_DATIVE = r"(?i:\b(?:mit|von|unter|bei|zu|nach|aus|seit|vor|neben|dem)\s+(?:König|Kaiser|Papst|Königin|Zar)?\s*)$"
_WITH_DATIVE = re.compile(r"\b(?:[Mm]it|[Vv]on|[Bb]ei|[Nn]ach|[Aa]us|[Zz]u|[Ss]eit|[Vv]or|[Ii]n|[Aa]uf|[Aa]n)\s*$")
_WITH_ACCUSATIVE = re.compile(r"\b(?:[Ff]ür|[Oo]hne|[Uu]m|[Dd]urch|[Gg]egen)\s*$")
_NUMBERED = re.compile(
    r"\b(?:Nummer|Kapitel|Band|Teil|Seite|Platz|Gruppe|Klasse|Zimmer|Raum|Gleis|Artikel|Paragraf|Absatz|Punkt|Stufe|"
    r"Version|Phase|Linie|"
    r"Tor|Halle|Haus|Option|Typ|Formel|Folge|Staffel|Bus|Zone)\s*$"
)


def _ordinal(number: int, before: str, noun: str = "") -> str:
    """With the ending the word before asks for: am dritten, der dritte, dritter; without one, that of the noun."""
    stem = ordinal(number, "de")
    if re.search(rf"\b{_WEAK}\s*$", before):
        return f"{stem}n"
    if re.search(rf"\b(?:{_ARTICLES}|{_FEMININE})\s*$", before):
        return stem
    return stem + {"f": "", "n": "s"}.get(gender(noun) if noun else "m", "r")


def _agree(words: str, gender: str) -> str:
    if words == "eins":
        return "eine" if gender == "f" else "ein"
    return words


def _counted(words: str, before: str, after: str) -> str:
    """`1 Hund`, `1 Katze`: the nominative, unless a preposition says more."""
    found = re.match(r" (?:(?P<adjective>[a-zäöüß]+(?P<ending>e|er|es|en|em)) )?(?P<noun>[A-ZÄÖÜ][\w-]+)", after)
    if words != "eins" or found is None or _NUMBERED.search(before):
        return words
    kind = gender(found["noun"])
    if found["adjective"] in ("oder", "aber", "über", "unter", "hinter", "gegen", "neben", "zwischen", "ohne"):
        return words
    if _WITH_DATIVE.search(before):
        return "einer" if kind == "f" else "einem"
    if (_WITH_ACCUSATIVE.search(before) and kind == "m") or found["ending"] == "en":
        return "einen"
    if found["ending"]:
        return "eine" if found["ending"] == "e" else "ein"
    return "eine" if kind == "f" else "ein"


def _date(year: int | None, month: int, day: int, before: str) -> str:
    return f"{_ordinal(day, before)} {_MONTHS[month - 1]}" + (f" {year_words(year, 'de')}" if year else "")


def _short_date(found: re.Match[str]) -> str:
    """`3.10.` and `3.10.24`; the last full stop is the sentence's too where one ends."""
    day, month, year = int(found["d"]), int(found["m"]), found["y"]
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return found.group()
    said = _date(None, month, day, found.string[: found.start()]) + (f" {cardinal(int(year), 'de')}" if year else "")
    rest = found.string[found.end() :]
    return said + ("." if not year and (not rest.strip() or re.match(rf"\s+(?:{_OPENERS})\b", rest)) else "")


def _time(hour: int, minute: int) -> str:
    return f"{_agree(cardinal(hour, 'de'), 'n')} Uhr" + (f" {cardinal(minute, 'de')}" if minute else "")


def _fraction(numerator: int, denominator: int) -> str | None:
    if denominator not in (*range(2, 21), 25, 30, 40, 50, 60) or not 0 < numerator <= 2 * denominator:
        return None
    count = "ein" if numerator == 1 else cardinal(numerator, "de")
    if denominator == 2:
        return f"{count} halb" if numerator == 1 else f"{count} Halbe"
    return f"{count} {ordinal(denominator, 'de')[:-1].capitalize()}el"


def _half(found: re.Match[str]) -> str:
    """`½ Liter`, `½ Stunde`."""
    noun = UNITS[found["noun"]][0] if found["noun"] in UNITS else found["noun"]
    kind = UNITS[found["noun"]][2] if found["noun"] in UNITS else gender(noun)
    return ("eine halbe " if kind == "f" else "ein halbes " if kind == "n" else "ein halber ") + noun


def _and_a_half(found: re.Match[str]) -> str:
    number = int(found["n"])
    return f"{'ein' if number == 1 else cardinal(number, 'de')}einhalb"


def _named(found: re.Match[str]) -> str:
    """`Ludwig XIV.`, `Ludwigs XIV.`, `mit Ludwig XIV.`"""
    said = ordinal(roman_value(found["n"]), "de").capitalize()
    before = found.string[: found.start()]
    if found["s"]:
        article, ending = ("der", "n") if found["name"] in _QUEENS else ("des", "n")
    elif re.search(_DATIVE, before):
        article, ending = ("der", "n") if found["name"] in _QUEENS else ("dem", "n")
    else:
        article, ending = ("die", "") if found["name"] in _QUEENS else ("der", "")
    return f"{found['name']}{found['s']} {article} {said}{ending}"


def _ordinals(found: re.Match[str]) -> str:
    """`die 1., 2. und 3.`: all with the ending of the first."""
    before, rest = found["before"], found.string[found.end() :]
    said = re.sub(r"(\d+)\.", lambda number: _ordinal(int(number[1]), before), found["list"])
    said = re.sub(r" ?[–-] ?", " bis ", said)
    ends = not rest.strip() or re.match(rf"[\"”“’»)]*\s+(?:{_OPENERS})\b", rest) is not None
    return f"{before} {said}" + ("." if ends else "")


def _before_noun(found: re.Match[str]) -> str:
    """`2. Platz`, `ein 2. Platz`: strong, as there is no article before."""
    before = found.string[: found.start()]
    bare = re.sub(rf"\b{_BARE}\s*$", "", before)
    return _ordinal(int(found["n"]), bare, found["noun"].removesuffix("s") if found["noun"] != "Mals" else "Mal") + " "


def _decade(found: re.Match[str]) -> str:
    words = year_words(int(found["n"]), "de") if len(found["n"]) == 4 else cardinal(int(found["n"]), "de")
    return f"{words}er{found['n2']}"


UNITS = {
    **{short: (noun, noun, "m") for short, noun in {
        "km": "Kilometer", "m": "Meter", "dm": "Dezimeter", "cm": "Zentimeter", "mm": "Millimeter", "µm": "Mikrometer",
        "nm": "Nanometer", "m²": "Quadratmeter", "km²": "Quadratkilometer", "cm²": "Quadratzentimeter",
        "m³": "Kubikmeter",
        "cm³": "Kubikzentimeter", "km/h": "Kilometer pro Stunde", "m/s": "Meter pro Sekunde", "l": "Liter",
        "L": "Liter",
        "ml": "Milliliter", "cl": "Zentiliter", "dl": "Deziliter", "hl": "Hektoliter", "°C": "Grad Celsius",
        "℃": "Grad Celsius",
        "°F": "Grad Fahrenheit", "°": "Grad", "ct": "Cent", "Ct": "Cent",
    }.items()},
    **{short: (noun, noun, "n") for short, noun in {
        "kg": "Kilogramm", "g": "Gramm", "mg": "Milligramm", "µg": "Mikrogramm", "Hz": "Hertz", "kHz": "Kilohertz",
        "MHz": "Megahertz",
        "GHz": "Gigahertz", "W": "Watt", "kW": "Kilowatt", "MW": "Megawatt", "V": "Volt", "dB": "Dezibel",
        "hPa": "Hektopascal",
        "kB": "Kilobyte", "KB": "Kilobyte", "MB": "Megabyte", "GB": "Gigabyte", "TB": "Terabyte", "PS": "PS",
        "ha": "Hektar",
        "kcal": "Kilokalorien", "Mbit/s": "Megabit pro Sekunde",
    }.items()},
    "t": ("Tonne", "Tonnen", "f"),
    "kWh": ("Kilowattstunde", "Kilowattstunden", "f"),
    "h": ("Stunde", "Stunden", "f"),
    "Std.": ("Stunde", "Stunden", "f"),
    "Std": ("Stunde", "Stunden", "f"),
    "Min.": ("Minute", "Minuten", "f"),
    "min": ("Minute", "Minuten", "f"),
    "Sek.": ("Sekunde", "Sekunden", "f"),
    "s": ("Sekunde", "Sekunden", "f"),
    "ms": ("Millisekunde", "Millisekunden", "f"),
    "‰": ("Promille", "Promille", "n"),
}  # fmt: skip


_DAY = r"(?P<d>0?[1-9]|[12]\d|3[01])"
_SPECIAL: tuple[Rule, ...] = (
    account("de"),
    telephone(r"\(0\d{2,5}\) ?\d{2,}(?:[ -]?\d{2,})*|0\d{2,5} ?[/-] ?\d{3,}(?:[ -]\d{2,})*|0\d{2,4} \d{5,}", "de",
    "plus"),
    called("Tel|Telefon|Telefonnummer|Fax|Handy|Mobil", "de", "plus"),
    (re.compile(rf"\b(?P<d>\d{{1,2}}\.(?: ?[–-] ?\d{{1,2}}\.)?) ?(?P<m>{'|'.join(_SHORT_MONTHS)})\.(?= |$|,)"),
     lambda found: f"{found['d']} {_SHORT_MONTHS[found['m']]}"),
    (re.compile(r"(?<![\d.,:])(?P<h>[01]?\d|2[0-4])[.:](?P<m>[0-5]\d)(?: ?Uhr\b| ?h\b)"),
     lambda found: _time(int(found["h"]), int(found["m"]))),
    (re.compile(r"(?<=[Uu]m )(?P<h>[01]?\d|2[0-4])\.(?P<m>[0-5]\d)"
                r"(?![\d.,]\d|\d|[^\S\n]*(?:€|%|Euro|Prozent|Mio|Mrd))"),
     lambda found: _time(int(found["h"]), int(found["m"]))),
    (re.compile(rf"(?<![\d.,/-]){_DAY}\. ?(?P<m>0?[1-9]|1[0-2])\.(?: ?(?P<y>\d\d)(?![\d.,:]))?(?! ?\d)"), _short_date),
    season("de"),
    proportion("zu", "de"),
    product("mal"),
    rewritten(r"(?<![\w.,])1 ?(Mio\.|Mrd\.|Million\b|Milliarde\b)", r"eine \1"),
    (re.compile(r"\beine (?P<n>Mio|Mrd)\."),
     lambda found: f"eine {'Million' if found['n'] == 'Mio' else 'Milliarde'}"),
    (re.compile(r"(?<![\d.,])(?P<n>\d{1,3})½"), _and_a_half),
    (re.compile(r"(?<![\d.,/])(?:½|1/2) (?P<noun>[A-ZÄÖÜ]\w+|km|m|kg|l|g|h|Std\.)(?!\w)"), _half),
    (re.compile(rf"\b(?P<n>{ROMAN})\. (?=(?:{_RANKED})\b)"), lambda found: f"{roman_value(found['n'])}. "),
    (re.compile(rf"\b(?P<name>{_KINGS})(?P<s>s?) (?P<n>{ROMAN})(?:\.(?= [a-zäöüß(])|(?=\.)|\b(?!\.))(?!['’]|\w)"),
     _named),
    rewritten(r"(?<=\b)((?:[Dd]es|[Ee]ines) \d{1,2}\.) (?:Jh|Jhd|Jhdt)\.s?", r"\1 Jahrhunderts"),
    rewritten(r"(?<=\. )(?:Jhd|Jhdt)\.", "Jh."),
    (re.compile(rf"(?P<before>\b(?:{_WEAK}|{_ARTICLES}|{_FEMININE})) "
                r"(?P<list>\d{1,3}\.(?:(?:, ?| und | oder | bis | bis zum | sowie | ?[–-] ?)\d{1,3}\.)*)"
                r"(?=[\s,;:!?)]|$)"),
     _ordinals),
    (re.compile(rf"\b(?P<n>\d{{1,2}})\. ?[–-] ?(?=\d{{1,2}}\. (?:{'|'.join(_MONTHS)}))"),
     lambda found: f"{_ordinal(int(found['n']), found.string[: found.start()])} bis "),
    (re.compile(rf"\b(?P<n>\d{{1,2}})\. (?=(?:{'|'.join(_MONTHS)})\b)"),
     lambda found: f"{_ordinal(int(found['n']), found.string[: found.start()])} "),
    (re.compile(rf"(?<![\d.,])(?P<n>\d{{1,3}})\. (?=(?P<noun>{_KINDS}|Jh)\b)"), _before_noun),
    (re.compile(r"(?<![\d.,])['’]?(?P<n>(?:\d\d)?[1-9]0)er(?P<n2>n?)\b"), _decade),
    (re.compile(r"(?<![\d.,])(?P<n>\d+)(?: ?[x×]|-?mal)\b(?! ?\d)"), lambda found: f"{_once(int(found['n']))}mal"),
    (re.compile(r"(?<![\d.,])(?P<n>\d+)[ -]?%ig"), lambda found: f"{cardinal(int(found['n']), 'de')}prozentig"),
    (re.compile(r"(?<![\d.,])(?P<n>\d+)-?"
                r"(?=(?:fach|jährig|stündig|tägig|köpfig|teilig|stellig|minütig|prozentig|stöckig)\w*)"),
     lambda found: _once(int(found["n"]))),
    rewritten(r"(?<=[a-zäöüß])str\.(?= |$|,)", "straße"),
    rewritten(r"§§ ?(?=\d)", "Paragrafen "),
    rewritten(r"#(?=[^\W\d])", "Hashtag "),
    rewritten(r"[#№] ?(?=\d)", "Nummer "),
    rewritten(r"(?<!\w)[~≈] ?(?=\d)", "etwa "),
    per("pro", "Euro|Dollar|Stück|Cent|Liter", r"[A-ZÄÖÜ][a-zäöü]+|Std\\.", UNITS),
    rewritten(r"\b24/7\b", "vierundzwanzig sieben"),
    (re.compile(r"(?<![\d.,])(?P<n>\d{1,3})\. (?=[a-zäöü])"),
     lambda found: f"{_ordinal(int(found['n']), found.string[: found.start()])} "),
)  # fmt: skip


def _once(number: int) -> str:
    words = cardinal(number, "de")
    return words.removesuffix("s") if words.endswith("eins") else words


def _coin(noun: str, gender: str = "m") -> tuple[tuple[str, str, str], tuple[str, str, str]]:
    return (noun, noun, gender), ("", "", "m")


WRITING = Writing(
    code="de",
    decimal=",",
    grouping=". ",
    point="Komma",
    fraction_digits=0,
    minus="minus",
    percent="Prozent",
    until="bis",
    abbreviations={
        "z. B.": "zum Beispiel", "z.B.": "zum Beispiel", "d. h.": "das heißt", "d.h.": "das heißt",
        "u. a.": "unter anderem",
        "u.a.": "unter anderem", "i. d. R.": "in der Regel", "i.d.R.": "in der Regel", "o. Ä.": "oder Ähnliches",
        "o.Ä.": "oder Ähnliches", "u. Ä.": "und Ähnliches", "z. T.": "zum Teil", "z.T.": "zum Teil",
        "u. U.": "unter Umständen",
        "u.U.": "unter Umständen", "z. Z.": "zur Zeit", "v. a.": "vor allem", "v.a.": "vor allem",
        "m. E.": "meines Erachtens",
        "a. D.": "außer Dienst", "e. V.": "eingetragener Verein", "e.V.": "eingetragener Verein",
        "n. Chr.": "nach Christus",
        "v. Chr.": "vor Christus", "usw.": "und so weiter", "usf.": "und so fort", "etc.": "et cetera",
        "bzw.": "beziehungsweise",
        "bspw.": "beispielsweise", "bzgl.": "bezüglich", "ca.": "circa", "sog.": "sogenannte", "evtl.": "eventuell",
        "ggf.": "gegebenenfalls", "inkl.": "inklusive", "exkl.": "exklusive", "max.": "maximal", "mind.": "mindestens",
        "vgl.": "vergleiche", "zzgl.": "zuzüglich", "abzgl.": "abzüglich", "geb.": "geboren", "gest.": "gestorben",
        "Dr.": "Doktor", "Prof.": "Professor", "Dipl.": "Diplom", "Ing.": "Ingenieur", "Hr.": "Herr",
        "Hrn.": "Herrn", "Fr.": "Frau",
        "Nr.": "Nummer", "Nrn.": "Nummern", "Str.": "Straße", "St.": "Sankt", "Tel.": "Telefon", "Abs.": "Absatz",
        "Abb.": "Abbildung",
        "Abt.": "Abteilung", "Art.#": "Artikel", "Bd.": "Band", "Kap.": "Kapitel", "S.#": "Seite", "Pl.": "Platz",
        "Hbf.": "Hauptbahnhof",
        "Jh.": "Jahrhundert", "Tsd.": "Tausend", "Mio.": "Millionen", "Mrd.": "Milliarden", "Mio": "Millionen",
        "Mrd": "Milliarden",
        "Mo.": "Montag", "Di.": "Dienstag", "Mi.": "Mittwoch", "Do.": "Donnerstag", "Sa.": "Samstag",
    },
    closing=frozenset({"usw.", "usf.", "etc.", "v. Chr.", "n. Chr.", "Str.", "Jh.", "Mio.", "Mrd.", "Tsd.",
    "o. Ä.", "u. Ä.", "o.Ä.", "a. D.",
                       "e. V.", "e.V.", "u. a.", "u.a.", "Hbf.", "Pl."}),
    units=UNITS,
    currencies={
        "€": _coin("Euro"), "EUR": _coin("Euro"), "$": _coin("Dollar"), "US$": _coin("US-Dollar"),
        "USD": _coin("US-Dollar"),
        "£": _coin("Pfund", "n"), "GBP": _coin("Pfund", "n"), "¥": _coin("Yen"), "CHF": _coin("Franken"),
        "¢": _coin("Cent"),
    },
    joined="",
    months=_MONTHS,
    symbols={
        "&": "und", "+": "plus", "=": "gleich", "@": "at", "×": "mal", "÷": "geteilt durch", "§": "Paragraf",
        "#": "Raute",
        "‰": "Promille", "℃": "Grad Celsius", "°": "Grad", "<": "kleiner als", ">": "größer als",
        "≤": "kleiner oder gleich",
        "≥": "größer oder gleich", "≠": "ungleich", "≈": "ungefähr gleich", "±": "plus minus", "^": "hoch",
        "²": "hoch zwei",
        "³": "hoch drei", "√": "Wurzel aus", "№": "Nummer", "~": "ungefähr", "/": "Schrägstrich",
        "\\": "umgekehrter Schrägstrich",
        "*": "Stern", "_": "Unterstrich", "©": "Copyright", "®": "eingetragene Marke", "™": "Trademark",
        "−": "minus", "∞": "unendlich",
        "→": "Pfeil", "µ": "Mikro",
    },
    years=True,
    agree=_agree,
    date=_date,
    time=_time,
    special=_SPECIAL,
    regnal=dict.fromkeys(("Kapitel", "Band", "Teil", "Akt", "Artikel", "Buch", "Klasse", "Stufe", "Typ"), "cardinal"),
    roman=lambda number, reading: cardinal(number, "de"),
    fraction=_fraction,
    counted=_counted,
    power=powers("hoch zwei", "hoch drei", "hoch", "minus", "de"),
    opens=rf"(?:{_OPENERS})\b",
)  # fmt: skip
