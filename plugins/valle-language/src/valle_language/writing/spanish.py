"""Spanish, in Spain and America: the tags stay apart, numbers are written alike."""

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
from valle_language.writing.nouns.lookup import listed
from valle_language.writing.nouns.spanish import begins_with_stressed_a, gender
from valle_language.writing.rules import Rule, Writing

_MONTHS = (
    *("enero", "febrero", "marzo", "abril", "mayo", "junio"),
    *("julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
)
_QUEENS = listed("Isabel Juana María Catalina Victoria Cristina Margarita Ana Beatriz Petronila Urraca Berenguela")
_NUMBERED = re.compile(
    r"(?i:\b(?:número|capítulo|página|tomo|volumen|línea|artículo|sala|habitación|grupo|etapa|versión|nivel|autobús|"
    r"andén|puerta|tipo|clase|"
    r"parte|lección|figura|fase|zona|vuelo|acto|escena|temporada|episodio|canal|opción|tabla|nota|kilómetro|año|en|"
    r"el|la|del|al|coma|menos|"
    r"más|por|con|entre|planta|piso|calle|sección|ley|agente|apartado|punto|ruta|fórmula|unidad)\s*)$"
)
_NO_NOUN = listed(
    "a o y e u de del en con por para la las lo los el ella ellas es era esta este que se si no ni sin sobre ha han "
    "hay le les me te su sus "
    "como cuando donde desde hasta entre contra según más menos está están estaba ya una otra cada nada toda todas "
    "ahora fuera ante hacia va "
    "llega trata queda pasa sale entra mientras porque aunque fue fueron son será"
)
_EITHER = listed("grandes grande pobres pobre jóvenes joven posibles posible importantes importante nuevos mil")
_ORDINALS = {11: "undécimo", 12: "duodécimo"}
_PARTS = {2: "medio", 3: "tercio", 4: "cuarto", 5: "quinto", 6: "sexto", 7: "séptimo", 8: "octavo", 9: "noveno",
          10: "décimo",          11: "onceavo", 12: "doceavo", 16: "dieciseisavo"}  # fmt: skip


def _agree(words: str, gender: str) -> str:
    """The last part of a number: ciento un, ciento una; doscientas mil, but doscientos millones."""
    head, large, tail = words.rpartition("millones ")
    if gender == "f":
        tail = re.sub(r"(cient|quinient)os\b", r"\1as", tail)
    if tail.endswith("uno"):
        tail = f"{tail[:-1]}a" if gender == "f" else f"{tail[:-3]}ún" if tail.endswith("veintiuno") else tail[:-1]
    return head + large + tail


def _counted(words: str, before: str, after: str) -> str:
    """`1 gato`, `21 casas`, `200 personas`: the noun behind says."""
    found = re.match(r" ([^\W\d_]+)(?: ([^\W\d_]+))?", after)
    if found is None or _NUMBERED.search(before) or not re.search(r"uno$|(?:cient|quinient)os\b", words):
        return words
    noun = found[2] if found[1].lower() in _EITHER and found[2] else found[1]
    if noun.lower() in _NO_NOUN:
        return words
    if words == "uno" and begins_with_stressed_a(noun):
        return "un"
    return _agree(words, gender(noun))


def _nth(number: int) -> str:
    return _ORDINALS.get(number) or ordinal(number, "es")


def _numbered(found: re.Match[str]) -> str:
    words, ending = _nth(int(found["n"])), found["ending"]
    if ending in ("ª", "a", "ra", "da", "as"):
        words = re.sub(r"o\b", "a", words)
    if ending in ("os", "as"):
        return f"{words}s"
    return words[:-1] if ending == "er" and words.endswith(("primero", "tercero")) else words


def _date(year: int | None, month: int, day: int, before: str) -> str:
    first = "primero" if day == 1 else cardinal(day, "es")
    return f"{first} de {_MONTHS[month - 1]}" + (f" de {cardinal(year, 'es')}" if year else "")


def _time(hour: int, minute: int) -> str:
    said = _agree(cardinal(hour, "es"), "f")
    if minute:
        return f"{said} y {cardinal(minute, 'es')}"
    return f"{said} horas" if hour > 12 or hour == 0 else f"{said} en punto"


def _roman(number: int, reading: str) -> str:
    if reading == "cardinal" or number > 10:
        return cardinal(number, "es")
    words = _nth(number)
    if reading == "before" and words in ("primero", "tercero"):
        return words[:-1]
    return re.sub(r"o$", "a", words) if reading == "feminine" else words


def _fraction(numerator: int, denominator: int) -> str | None:
    if not 0 < numerator <= 2 * denominator or denominator not in _PARTS:
        return f"{cardinal(numerator, 'es')} sobre {cardinal(denominator, 'es')}"  # a mark of an examination
    count = "un" if numerator == 1 else cardinal(numerator, "es")
    return f"{count} {_PARTS[denominator]}{'' if numerator == 1 else 's'}"


def _half(found: re.Match[str]) -> str:
    noun, kind = (UNITS[found["noun"]][0], UNITS[found["noun"]][2]) if found["noun"] in UNITS else (found["noun"], "")
    return f"{'media' if (kind or gender(noun)) == 'f' else 'medio'} {noun}"


def _centuries(found: re.Match[str]) -> str:
    first, second = (_roman(roman_value(found[group]), "ordinal") for group in "ab")
    return f"{found['word']} {first}{found['and']}{second}"


UNITS = {
    **{short: (noun, f"{noun}s", "m") for short, noun in {
        "km": "kilómetro", "m": "metro", "dm": "decímetro", "cm": "centímetro", "mm": "milímetro",
        "µm": "micrómetro", "nm": "nanómetro",
        "kg": "kilogramo", "g": "gramo", "mg": "miligramo", "µg": "microgramo", "l": "litro", "L": "litro",
        "ml": "mililitro",
        "mL": "mililitro", "cl": "centilitro", "dl": "decilitro", "hl": "hectolitro", "min": "minuto",
        "min.": "minuto", "s": "segundo",
        "seg": "segundo", "ms": "milisegundo", "Hz": "hercio", "kHz": "kilohercio", "MHz": "megahercio",
        "GHz": "gigahercio", "W": "vatio",
        "kW": "kilovatio", "MW": "megavatio", "V": "voltio", "kB": "kilobyte", "KB": "kilobyte", "MB": "megabyte",
        "GB": "gigabyte",
        "TB": "terabyte", "dB": "decibelio", "hPa": "hectopascal", "kWh": "kilovatio hora",
    }.items()},
    **{short: (one, many, "m") for short, one, many in (
        ("m²", "metro cuadrado", "metros cuadrados"), ("km²", "kilómetro cuadrado", "kilómetros cuadrados"),
        ("cm²", "centímetro cuadrado", "centímetros cuadrados"), ("m³", "metro cúbico", "metros cúbicos"),
        ("cm³", "centímetro cúbico", "centímetros cúbicos"), ("km/h", "kilómetro por hora", "kilómetros por hora"),
        ("m/s", "metro por segundo", "metros por segundo"), ("°C", "grado Celsius", "grados Celsius"), ("ºC",
        "grado Celsius", "grados Celsius"),
        ("℃", "grado Celsius", "grados Celsius"), ("°F", "grado Fahrenheit", "grados Fahrenheit"), ("°", "grado",
        "grados"),
        ("hab.", "habitante", "habitantes"),
    )},
    "h": ("hora", "horas", "f"),
    "ha": ("hectárea", "hectáreas", "f"),
    "t": ("tonelada", "toneladas", "f"),
    "kcal": ("kilocaloría", "kilocalorías", "f"),
    "‰": ("por mil", "por mil", "m"),
}  # fmt: skip

_DOLLAR = (("dólar", "dólares", "m"), ("centavo", "centavos", "m"))
_EURO = (("euro", "euros", "m"), ("céntimo", "céntimos", "m"))
_SPECIAL: tuple[Rule, ...] = (
    account("es"),
    telephone(r"\+\d{1,3}(?: ?\d{2,3}){3,4}|\(\d{2,4}\) ?\d{3,4}[ -]?\d{3,4}|[6789]\d{2} \d{2} \d{2} \d{2}|"
              r"9\d \d{3} \d{2} \d{2}", "es", "más"),
    called("[Tt]el|[Tt]eléfono|[Tt]fno|[Tt]eléf|[Mm]óvil|[Ff]ax", "es", "más"),
    (re.compile(rf"\b(?P<word>[Ss]iglos) (?P<a>{ROMAN})(?P<and>,? (?:y|al?|o|e) )(?P<b>{ROMAN})\b"), _centuries),
    (re.compile(rf"\b(?P<n>{ROMAN}) (?=(?P<noun>Guerra|República|Internacional|Cumbre|Edición|Asamblea|Congreso|"
                r"Concilio|Milenio|Plan)\b)"),
     lambda found: _roman(roman_value(found["n"]), "feminine" if gender(found["noun"]) == "f" else "before") + " "),
    (re.compile(r"(?<![\w.,])(?P<n>\d+)\.?(?P<ending>er|º|ª|°(?! ?[CF])|os|as|ra|da|o(?= )|a(?= ))(?!\w)"), _numbered),
    rewritten(rf"(?<![\d/.,])1 (?=de (?:{'|'.join(_MONTHS)})\b)", "primero "),
    day_month("[Ee]l|[Aa]l|[Dd]el|[Dd]ía|lunes|martes|miércoles|jueves|viernes|sábado|domingo", _date),
    rewritten(r"(?<=\d) ?(?:h|hs|hrs)\.(?= [A-Z]|$)", " h."),
    (re.compile(r"(?<![\d:.,])(?P<h>[01]?\d|2[0-4])[:.](?P<m>[0-5]\d) ?h(?:rs|s|oras)?\b\.?"),
     lambda found: _time(int(found["h"]), int(found["m"]))),
    season("es"),
    proportion("a", "es"),
    product("por"),
    millions({"M": ("millón", "millones"), "mill.": ("millón", "millones"), "millón": ("millón", "millones"),
    "millones": ("millón", "millones"),
              "MM": ("mil millones", "mil millones")}, {"€": "de euros", "$": "de dólares", "£": "de libras",
              "US$": "de dólares"}),
    (re.compile(r"(?<![\d.,/])(?:½|1/2) (?P<noun>litro|kilo|hora|día|docena|año|taza|cucharada|vaso|naranja|limón|"
                r"km|m|kg|l|L|g|h|min)(?!\w)"), _half),
    rewritten(r"(?<=\d)½ (horas?|tazas?|docenas?|cucharadas?|toneladas?|semanas?)\b", r" \1 y media"),
    rewritten(r"(?<=\d)½", " y medio"),
    (re.compile(r"(?<![\d.,])(?P<n>\d+) ?[x×](?!\w| ?\d)"), lambda found: f"{cardinal(int(found['n']), 'es')} por"),
    per("por", "euros?|dólares|dólar|pesos?|habitantes?|litros?",
    "mes|año|día|hora|semana|persona|noche|habitante|litro|kilo", UNITS),
    rewritten(r"#(?=[^\W\d])", "hashtag "),
    rewritten(r"(?:#|№) ?(?=\d)", "número "),
    rewritten(r"(?<!\w)[~≈] ?(?=\d)", "aproximadamente "),
    rewritten(r"§§ ?(?=\d)", "párrafos "),
)  # fmt: skip

WRITING = Writing(
    code="es",
    decimal=",",
    grouping=". ",
    point="coma",
    fraction_digits=2,
    minus="menos",
    percent="por ciento",
    until="a",
    abbreviations={
        "Sr.": "señor", "Sra.": "señora", "Sres.": "señores", "Sras.": "señoras", "Srta.": "señorita",
        "Dr.": "doctor", "Dra.": "doctora",
        "Dres.": "doctores", "D.ª": "doña", "Dña.": "doña", "Prof.": "profesor", "Profa.": "profesora",
        "Lic.": "licenciado", "Ing.": "ingeniero",
        "Arq.": "arquitecto", "Gral.": "general", "Ud.": "usted", "Uds.": "ustedes", "Vd.": "usted",
        "Vds.": "ustedes", "EE. UU.": "Estados Unidos",
        "EE.UU.": "Estados Unidos", "EE UU": "Estados Unidos", "JJ. OO.": "Juegos Olímpicos",
        "JJ.OO.": "Juegos Olímpicos", "etc.": "etcétera",
        "p. ej.": "por ejemplo", "p.ej.": "por ejemplo", "a. C.": "antes de Cristo", "d. C.": "después de Cristo",
        "a.C.": "antes de Cristo",
        "d.C.": "después de Cristo", "a. m.": "de la mañana", "p. m.": "de la tarde", "a.m.": "de la mañana",
        "p.m.": "de la tarde",
        "pág.": "página", "págs.": "páginas", "p.#": "página", "núm.": "número", "n.º#": "número", "nº#": "número",
        "N.º#": "número", "Nº#": "número",
        "n°#": "número", "avda.": "avenida", "Avda.": "avenida", "Av.": "avenida", "C/": "calle", "c/": "calle",
        "pza.": "plaza", "Pza.": "plaza",
        "aprox.": "aproximadamente", "art.": "artículo", "cap.": "capítulo", "vol.": "volumen", "tel.": "teléfono",
        "tfno.": "teléfono",
        "máx.": "máximo", "mín.": "mínimo", "Sto.": "Santo", "Sta.": "Santa", "S. A.": "sociedad anónima",
        "S.A.": "sociedad anónima",
        "depto.": "departamento", "dpto.": "departamento", "izq.": "izquierda", "dcha.": "derecha",
        "vs.": "versus", "mill.": "millones",
    },
    closing=frozenset({"etc.", "a. C.", "d. C.", "a.C.", "d.C.", "EE. UU.", "EE.UU.", "JJ. OO.", "JJ.OO.", "Ud.",
    "Uds.", "a. m.", "p. m.", "a.m.", "p.m.",
                       "S. A.", "S.A.", "izq.", "dcha."}),
    units=UNITS,
    currencies={
        "€": _EURO, "EUR": _EURO, "$": _DOLLAR, "USD": _DOLLAR, "US$": _DOLLAR, "£": (("libra", "libras", "f"),
        ("penique", "peniques", "m")),
        "GBP": (("libra", "libras", "f"), ("penique", "peniques", "m")), "¥": (("yen", "yenes", "m"), ("", "", "m")),
        "MXN": (("peso mexicano", "pesos mexicanos", "m"), ("centavo", "centavos", "m")), "¢": (("centavo",
        "centavos", "m"), ("", "", "m")),
        "CHF": (("franco suizo", "francos suizos", "m"), ("céntimo", "céntimos", "m")),
    },
    joined="con",
    months=_MONTHS,
    symbols={
        "&": "y", "+": "más", "=": "igual a", "@": "arroba", "×": "por", "÷": "entre", "§": "párrafo",
        "#": "almohadilla", "‰": "por mil",
        "℃": "grados Celsius", "°": "grados", "<": "menor que", ">": "mayor que", "≤": "menor o igual que",
        "≥": "mayor o igual que",
        "≠": "distinto de", "≈": "aproximadamente igual a", "±": "más menos", "^": "elevado a", "²": "al cuadrado",
        "³": "al cubo",
        "√": "raíz cuadrada de", "№": "número", "~": "aproximadamente", "/": "barra", "\\": "barra invertida",
        "*": "asterisco",
        "_": "guion bajo", "©": "copyright", "®": "marca registrada", "™": "marca comercial", "−": "menos",
        "∞": "infinito", "→": "flecha",
        "µ": "micro",
    },
    agree=_agree,
    date=_date,
    time=_time,
    special=_SPECIAL,
    regnal={
        **dict.fromkeys(("Felipe", "Alfonso", "Carlos", "Fernando", "Juan Pablo", "Juan Carlos", "Juan", "Pedro",
        "Sancho", "Enrique", "Luis",
                         "Pío", "León", "Benedicto", "Jaime", "Jorge", "Jacobo", "Guillermo", "Eduardo", "Ricardo",
                         "Napoleón", "Federico",
                         "Francisco", "Nicolás", "Alejandro", "Ramsés", "Gregorio", "Clemente", "Inocencio",
                         "Pablo", "Ramiro", "Ordoño",
                         "Amadeo", "José", "Leopoldo", "siglo", "Siglo"), "ordinal"),
        **dict.fromkeys(sorted(_QUEENS), "feminine"),
        **dict.fromkeys(("capítulo", "Capítulo", "tomo", "Tomo", "volumen", "Volumen", "libro", "título", "acto",
        "parte"), "cardinal"),
    },
    roman=_roman,
    fraction=_fraction,
    and_fraction="y",
    counted=_counted,
    power=powers("al cuadrado", "al cubo", "elevado a", "menos", "es"),
)  # fmt: skip
