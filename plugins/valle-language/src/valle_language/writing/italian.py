"""Italian."""

from __future__ import annotations

import re

from valle_language.number_words import cardinal, ordinal
from valle_language.roman import ROMAN, roman_value
from valle_language.writing.forms import (
    account,
    called,
    day_month,
    millions,
    per,
    powers,
    product,
    proportion,
    rewritten,
    season,
    telephone,
)
from valle_language.writing.nouns.italian import gender
from valle_language.writing.nouns.lookup import listed
from valle_language.writing.rules import Rule, Writing

_MONTHS = (
    *("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno"),
    *("luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"),
)
_QUEENS = ("Elisabetta", "Caterina", "Maria", "Margherita", "Giovanna", "Vittoria", "Cristina", "Isabella", "Anna")
_NUMBERED = re.compile(
    r"(?i:\b(?:numero|capitolo|pagina|tomo|volume|linea|articolo|sala|camera|stanza|gruppo|tappa|versione|livello|"
    r"autobus|binario|porta|"
    r"tipo|classe|parte|lezione|figura|fase|zona|volo|atto|scena|stagione|episodio|canale|opzione|tabella|nota|"
    r"formula|punto|strada|legge|"
    r"il|la|lo|del|della|al|alla|virgola|meno|più|per|piano|serie|unità|posto)\s*)$"
)
_NO_NOUN = listed(
    "a e o ed di da in con su per tra fra il la lo le gli i è che non ma se si ne ci mi ti vi al alla del della dal "
    "nel sul come quando dove "
    "anche ancora era sono ha hanno contro oltre dopo prima ogni ad od poi più meno volte passa parte arriva resta "
    "va parla sta"
)
_FRONT = listed(
    "grande nuova nuovo piccola piccolo bella bel buona buon vecchia vecchio altra altro sola solo giovane lunga lungo"
)
_AWKWARD = re.compile(r"(?:s[bcdfglmnpqrtvz]|z|gn|ps|pn|x|y|i[aeou])", re.IGNORECASE)


def _one(noun: str, kind: str) -> str:
    """`un cane`, `uno studente`, `una casa`."""
    if kind == "f":
        return "una"
    return "uno" if _AWKWARD.match(noun) else "un"


def _agree(words: str, gender: str) -> str:
    if words == "uno":
        return "una" if gender == "f" else "un"
    return words


def _counted(words: str, before: str, after: str) -> str:
    found = re.match(r" ([^\W\d_]+)(?: ([^\W\d_]+))?", after)
    if words != "uno" or found is None or _NUMBERED.search(before) or found[1].lower() in _NO_NOUN:
        return words
    noun = found[2] if found[1].lower() in _FRONT and found[1][-1] == "e" and found[2] else found[1]
    return _one(found[1], gender(noun))


def _elided(found: re.Match[str]) -> str:
    """`1 amica` → `un'amica`."""
    noun = found["noun"]
    masculine = gender(noun) != "f" or noun in _NO_NOUN or _NUMBERED.search(found.string[: found.start()])
    return found.group() if masculine else f"un'{noun}"


def _numbered(found: re.Match[str]) -> str:
    words = ordinal(int(found["n"]), "it")
    return f"{words[:-1]}a" if found["ending"] in ("ª", "a") else words


def _date(year: int | None, month: int, day: int, before: str) -> str:
    first = "primo" if day == 1 else cardinal(day, "it")
    return f"{first} {_MONTHS[month - 1]}" + (f" {cardinal(year, 'it')}" if year else "")


def _time(hour: int, minute: int) -> str:
    said = "una" if hour == 1 else cardinal(hour, "it")
    if minute:
        return f"{said} e {cardinal(minute, 'it')}"
    return said if hour > 12 else f"{said} in punto"


def _roman(number: int, reading: str) -> str:
    words = cardinal(number, "it") if reading == "cardinal" else ordinal(number, "it")
    return f"{words[:-1]}a" if reading == "feminine" else words


def _fraction(numerator: int, denominator: int) -> str | None:
    if not (2 <= denominator <= 16 and 0 < numerator <= 2 * denominator):
        return f"{cardinal(numerator, 'it')} su {cardinal(denominator, 'it')}"  # a mark of an examination
    part = "mezzo" if denominator == 2 else ordinal(denominator, "it")
    count = "un" if numerator == 1 else cardinal(numerator, "it")
    return f"{count} {part}" if numerator == 1 else f"{count} {part[:-1].removesuffix('i')}i"


def _half(found: re.Match[str]) -> str:
    noun, kind = (UNITS[found["noun"]][0], UNITS[found["noun"]][2]) if found["noun"] in UNITS else (found["noun"], "")
    if noun == "ora":
        return "mezz'ora"
    return f"{'mezza' if (kind or gender(noun)) == 'f' else 'mezzo'} {noun}"


def _centuries(found: re.Match[str]) -> str:
    return f"{found['word']} {_roman(roman_value(found['a']), '')}{found['and']}{_roman(roman_value(found['b']), '')}"


def _before(found: re.Match[str]) -> str:
    """`XX secolo`, `II guerra mondiale`."""
    return _roman(roman_value(found["n"]), "feminine" if gender(found["noun"].lower()) == "f" else "") + " "


UNITS = {
    **{short: (one, many, "m") for short, one, many in (
        ("km", "chilometro", "chilometri"), ("m", "metro", "metri"), ("dm", "decimetro", "decimetri"), ("cm",
        "centimetro", "centimetri"),
        ("mm", "millimetro", "millimetri"), ("µm", "micrometro", "micrometri"), ("nm", "nanometro", "nanometri"),
        ("kg", "chilogrammo", "chilogrammi"), ("g", "grammo", "grammi"), ("mg", "milligrammo", "milligrammi"),
        ("hg", "etto", "etti"),
        ("µg", "microgrammo", "microgrammi"), ("l", "litro", "litri"), ("L", "litro", "litri"), ("ml",
        "millilitro", "millilitri"),
        ("cl", "centilitro", "centilitri"), ("dl", "decilitro", "decilitri"), ("hl", "ettolitro", "ettolitri"),
        ("ha", "ettaro", "ettari"),
        ("m²", "metro quadrato", "metri quadrati"), ("mq", "metro quadrato", "metri quadrati"),
        ("km²", "chilometro quadrato", "chilometri quadrati"), ("kmq", "chilometro quadrato", "chilometri quadrati"),
        ("cm²", "centimetro quadrato", "centimetri quadrati"), ("m³", "metro cubo", "metri cubi"), ("cm³",
        "centimetro cubo", "centimetri cubi"),
        ("km/h", "chilometro all'ora", "chilometri all'ora"), ("m/s", "metro al secondo", "metri al secondo"),
        ("°C", "grado Celsius", "gradi Celsius"), ("℃", "grado Celsius", "gradi Celsius"), ("°F",
        "grado Fahrenheit", "gradi Fahrenheit"),
        ("°", "grado", "gradi"), ("min", "minuto", "minuti"), ("min.", "minuto", "minuti"), ("s", "secondo",
        "secondi"),
        ("sec", "secondo", "secondi"), ("ms", "millisecondo", "millisecondi"), ("Hz", "hertz", "hertz"), ("kHz",
        "chilohertz", "chilohertz"),
        ("MHz", "megahertz", "megahertz"), ("GHz", "gigahertz", "gigahertz"), ("W", "watt", "watt"), ("kW",
        "chilowatt", "chilowatt"),
        ("MW", "megawatt", "megawatt"), ("kWh", "chilowattora", "chilowattora"), ("V", "volt", "volt"), ("kB",
        "kilobyte", "kilobyte"),
        ("KB", "kilobyte", "kilobyte"), ("MB", "megabyte", "megabyte"), ("GB", "gigabyte", "gigabyte"), ("TB",
        "terabyte", "terabyte"),
        ("dB", "decibel", "decibel"), ("ab.", "abitante", "abitanti"), ("‰", "per mille", "per mille"),
    )},
    "h": ("ora", "ore", "f"),
    "t": ("tonnellata", "tonnellate", "f"),
    "kcal": ("chilocaloria", "chilocalorie", "f"),
}  # fmt: skip

_SPECIAL: tuple[Rule, ...] = (
    account("it"),
    telephone(r"(?:\+39 ?)?3\d\d[ /-]?\d{3}[ -]?\d{3,4}|(?:\+39 ?)?0\d{1,3}[ /-]\d{5,8}|\+\d{1,3}(?: ?\d{2,4}){2,4}",
              "it", "più"),
    called("[Tt]el|[Tt]elefono|[Cc]ell|[Cc]ellulare|[Ff]ax", "it", "più"),
    (re.compile(rf"\b(?P<word>[Ss]ecoli) (?P<a>{ROMAN})(?P<and>,? (?:e|ed|al|o) )(?P<b>{ROMAN})\b"), _centuries),
    (re.compile(rf"\b(?P<n>{ROMAN}) (?=(?P<noun>secolo|[Gg]uerra|Reich|millennio|dinastia|edizione|"
                r"Olimpiade|Internazionale|[Rr]epubblica|capitolo)\b)"),
     _before),
    (re.compile(r"(?<![\w.,])(?P<n>\d+)\.?(?P<ending>º|ª|°(?! ?[CF]\b))(?!\w)"), _numbered),
    rewritten(rf"(?<![\d/.,])1 (?=(?:{'|'.join(_MONTHS)})\b)", "primo "),
    day_month("[Ii]l|[Aa]l|[Dd]al|[Dd]el|[Gg]iorno|lunedì|martedì|mercoledì|giovedì|venerdì|sabato|domenica", _date),
    (re.compile(r"(?<=[Oo]re )(?P<h>[01]?\d|2[0-4])[:.](?P<m>[0-5]\d)(?![\d.,]\d|\d)"),
     lambda found: _time(int(found["h"]), int(found["m"]))),
    (re.compile(r"(?<=[Aa]lle )(?P<h>[01]?\d|2[0-4])\.(?P<m>[0-5]\d)(?![\d.,]\d|\d)"),
     lambda found: _time(int(found["h"]), int(found["m"]))),
    (re.compile(r"(?<=[Oo]re )(?P<h>[01]?\d|2[0-4]):00(?!\d)"), lambda found: _time(int(found["h"]), 0)),
    rewritten(r"\b([Aa])lle (?=1[:.]\d\d)", r"\1ll'"),
    rewritten(r"(?<![\w.,/-])1 ?h\b", "un'ora"),
    season("it"),
    proportion("a", "it"),
    product("per"),
    millions({**dict.fromkeys(("mln", "milioni", "milione", "M"), ("milione", "milioni")),
              **dict.fromkeys(("mld", "miliardi", "miliardo", "Mrd"), ("miliardo", "miliardi"))},
             {"€": "di euro", "euro": "di euro", "$": "di dollari", "£": "di sterline"}),
    (re.compile(r"(?<![\d.,/])(?:½|1/2) (?P<noun>litro|chilo|ora|dozzina|tazza|cucchiaio|bicchiere|limone|"
                r"km|m|kg|l|L|g|h)(?!\w)"), _half),
    rewritten(r"(?<=\d)½ (ore|tazze|dozzine|tonnellate)\b", r" \1 e mezza"),
    rewritten(r"(?<=\d)½", " e mezzo"),
    (re.compile(r"(?<![\w.,/])1 (?P<noun>[aeiouè][a-zàèéìòù]+)\b"), _elided),
    rewritten(r"(?<=[Aa]nni )['’‘](?=\d0\b)", ""),
    rewritten(r"(?<!\w)['’‘](?=\d\d\b)", ""),
    per("al", "euro|dollari|litri", "mese|giorno|chilo|litro|secondo|metro", UNITS),
    per("a", "euro|dollari|litri", "persona|notte|settimana|testa", UNITS),
    rewritten(r"#(?=[^\W\d])", "hashtag "),
    rewritten(r"(?:#|№) ?(?=\d)", "numero "),
    rewritten(r"(?<!\w)[~≈] ?(?=\d)", "circa "),
    rewritten(r"§§ ?(?=\d)", "paragrafi "),
)  # fmt: skip
_EURO = (("euro", "euro", "m"), ("centesimo", "centesimi", "m"))
_DOLLAR = (("dollaro", "dollari", "m"), ("centesimo", "centesimi", "m"))

WRITING = Writing(
    code="it",
    decimal=",",
    grouping=". ",
    point="virgola",
    fraction_digits=2,
    minus="meno",
    percent="per cento",
    until="a",
    abbreviations={
        "Sig.": "signor", "sig.": "signor", "Sigg.": "signori", "Sig.ra": "signora", "sig.ra": "signora",
        "Sig.na": "signorina",
        "Dott.": "dottor", "dott.": "dottor", "Dr.": "dottor", "Dott.ssa": "dottoressa", "dott.ssa": "dottoressa",
        "Prof.": "professor",
        "prof.": "professor", "Prof.ssa": "professoressa", "prof.ssa": "professoressa", "Ing.": "ingegner",
        "ing.": "ingegner", "Avv.": "avvocato",
        "avv.": "avvocato", "Arch.": "architetto", "Geom.": "geometra", "Rag.": "ragionier", "On.": "onorevole",
        "Gen.": "generale",
        "ecc.": "eccetera", "p. es.": "per esempio", "p.es.": "per esempio", "ad es.": "ad esempio",
        "a.C.": "avanti Cristo", "d.C.": "dopo Cristo",
        "a. C.": "avanti Cristo", "d. C.": "dopo Cristo", "pag.": "pagina", "pagg.": "pagine", "p.#": "pagina",
        "n.#": "numero", "N.#": "numero",
        "n°#": "numero", "N°#": "numero", "nº#": "numero", "nn.#": "numeri", "tel.": "telefono",
        "cell.": "cellulare", "art.": "articolo",
        "artt.": "articoli", "cap.": "capitolo", "vol.": "volume", "fig.": "figura", "sec.": "secolo",
        "ca.": "circa", "max.": "massimo",
        "min.": "minimo", "vs.": "versus", "cfr.": "confronta", "v.le": "viale", "V.le": "viale",
        "p.zza": "piazza", "P.zza": "piazza", "c.so": "corso",
        "C.so": "corso", "S.p.A.": "società per azioni", "S.r.l.": "società a responsabilità limitata",
        "mln": "milioni", "mld": "miliardi",
        "S.": "San", "gen.": "gennaio", "feb.": "febbraio", "sett.": "settembre", "ott.": "ottobre",
        "nov.": "novembre", "dic.": "dicembre",
    },
    closing=frozenset({"ecc.", "a.C.", "d.C.", "a. C.", "d. C.", "S.p.A.", "S.r.l.", "sec."}),
    units=UNITS,
    currencies={
        "€": _EURO, "EUR": _EURO, "$": _DOLLAR, "USD": _DOLLAR, "US$": _DOLLAR, "£": (("sterlina", "sterline",
        "f"), ("penny", "penny", "m")),
        "GBP": (("sterlina", "sterline", "f"), ("penny", "penny", "m")), "¥": (("yen", "yen", "m"), ("", "", "m")),
        "CHF": (("franco svizzero", "franchi svizzeri", "m"), ("centesimo", "centesimi", "m")), "¢": (("centesimo",
        "centesimi", "m"), ("", "", "m")),
    },
    joined="e",
    months=_MONTHS,
    symbols={
        "&": "e", "+": "più", "=": "uguale a", "@": "chiocciola", "×": "per", "÷": "diviso", "§": "paragrafo",
        "#": "cancelletto",
        "‰": "per mille", "℃": "gradi Celsius", "°": "gradi", "<": "minore di", ">": "maggiore di",
        "≤": "minore o uguale a",
        "≥": "maggiore o uguale a", "≠": "diverso da", "≈": "circa uguale a", "±": "più o meno", "^": "elevato a",
        "²": "al quadrato",
        "³": "al cubo", "√": "radice quadrata di", "№": "numero", "~": "circa", "/": "barra",
        "\\": "barra rovesciata", "*": "asterisco",
        "_": "trattino basso", "©": "copyright", "®": "marchio registrato", "™": "marchio", "−": "meno",
        "∞": "infinito", "→": "freccia",
        "µ": "micro",
    },
    agree=_agree,
    date=_date,
    time=_time,
    special=_SPECIAL,
    regnal={
        **dict.fromkeys(("Vittorio Emanuele", "Luigi", "Carlo", "Enrico", "Giovanni Paolo", "Giovanni", "Pio",
        "Leone", "Benedetto", "Gregorio",
                         "Innocenzo", "Clemente", "Paolo", "Umberto", "Filippo", "Federico", "Giorgio",
                         "Guglielmo", "Edoardo", "Riccardo",
                         "Napoleone", "Francesco", "Ferdinando", "Alessandro", "Nicola", "Pietro", "Ottone",
                         "Urbano", "Bonifacio", "Sisto",
                         "Giulio", "Ramses", "Carlo Alberto", "secolo", "Secolo"), "ordinal"),
        **dict.fromkeys(_QUEENS, "feminine"),
        **dict.fromkeys(("capitolo", "Capitolo", "volume", "Volume", "tomo", "libro", "atto", "parte", "canto",
        "Canto", "titolo"), "cardinal"),
    },
    roman=_roman,
    fraction=_fraction,
    and_fraction="e",
    counted=_counted,
    power=powers("al quadrato", "al cubo", "elevato a", "meno", "it"),
)  # fmt: skip
