"""French."""

from __future__ import annotations

import re

from valle_language.number_words import cardinal, ordinal
from valle_language.roman import ROMAN, roman_value
from valle_language.writing.forms import (
    account,
    called,
    day_month,
    per,
    powers,
    product,
    proportion,
    rewritten,
    season,
    telephone,
)
from valle_language.writing.nouns.french import gender
from valle_language.writing.nouns.lookup import listed
from valle_language.writing.rules import Rule, Writing

_MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)
_SHORT_MONTHS = {"janv": "janvier", "févr": "février", "avr": "avril", "juil": "juillet", "sept": "septembre",
"oct": "octobre",
                 "nov": "novembre", "déc": "décembre"}  # fmt: skip
_NAMED_MONTH = "|".join(_MONTHS)
_RANKED = (
    "siècle|arrondissement|République|dynastie|Reich|Empire|millénaire|congrès|édition|légion|armée|régiment|"
    "Internationale|s\\."
)
_NUMBERED = re.compile(
    r"(?i:\b(?:numéro|chapitre|tome|page|article|ligne|salle|chambre|groupe|étape|version|niveau|bus|quai|porte|"
    r"type|classe|partie|leçon|"
    r"figure|formule|station|phase|zone|terminal|vol|acte|scène|saison|épisode|le|la|du|au|l['’]|chaîne|canal|"
    r"option|tableau|annexe|note|"
    r"dossier|virgule|moins|plus|fois)\s*)$"
)
_NO_NOUN = listed(
    "entre comme contre elle une le je ne se que même parce quatre cette ce ils elles de me te puisque lorsque "
    "jusque presque encore "
    "ensuite plutôt chaque notre votre autre être faire dire une quelque pendant ensemble est parle passe arrive "
    "reste marque"
)
_EITHER = listed(
    "jeune jeunes autre autres énorme énormes simple simples vaste vastes rare rares même célèbre célèbres"
)
_ADJECTIVE_F = re.compile(
    r"(?:petite|grande|belle|nouvelle|bonne|longue|vieille|mauvaise|première|dernière|ancienne|seule|haute|grosse|"
    r"jolie|courte|vraie|"
    r"importante|différente|blanche|demi-heure)s?"
)
_ADJECTIVE_M = re.compile(
    r"(?:petit|grand|beau|beaux|nouvel|nouveau|nouveaux|bon|long|vieux|mauvais|premier|dernier|ancien|seul|haut|"
    r"gros|joli)s?"
)


def _agree(words: str, gender: str) -> str:
    return f"{words[:-2]}une" if gender == "f" and re.search(r"\bun$", words) else words


def _counted(words: str, before: str, after: str) -> str:
    """`1 table`, `21 filles`: the noun says, or the adjective before it."""
    found = re.match(r" ([^\W\d_]+(?:-[^\W\d_]+)*)(?: ([^\W\d_]+))?", after)
    if found is None or not re.search(r"\bun$", words) or _NUMBERED.search(before):
        return words
    noun = found[2] if found[1].lower() in _EITHER and found[2] else found[1]
    if noun.lower() in _NO_NOUN or _ADJECTIVE_M.fullmatch(noun):
        return words
    return _agree(words, "f" if _ADJECTIVE_F.fullmatch(noun) else gender(noun))


def _date(year: int | None, month: int, day: int, before: str) -> str:
    first = "premier" if day == 1 else cardinal(day, "fr")
    return f"{first} {_MONTHS[month - 1]}" + (f" {cardinal(year, 'fr')}" if year else "")


def _time(hour: int, minute: int) -> str:
    noun = "heure" if hour < 2 else "heures"
    return f"{_agree(cardinal(hour, 'fr'), 'f')} {noun}" + (f" {_agree(cardinal(minute, 'fr'), 'f')}" if minute else "")


def _roman(number: int, reading: str) -> str:
    return "premier" if number == 1 and reading == "ordinal" else cardinal(number, "fr")


def _nth(number: int, ending: str) -> str:
    plural = "s" if ending.endswith("s") else ""
    if number == 1:
        return ("première" if ending.rstrip("s") in ("re", "ère") else "premier") + plural
    if number == 2 and ending.startswith("nd"):
        return f"second{ending[2:]}"
    return ordinal(number, "fr") + plural


def _fraction(numerator: int, denominator: int) -> str | None:
    if not (2 <= denominator <= 16 and 0 < numerator <= 2 * denominator):
        return f"{cardinal(numerator, 'fr')} sur {cardinal(denominator, 'fr')}"  # a mark of an examination
    parts = {2: "demi", 3: "tiers", 4: "quart"}.get(denominator) or ordinal(denominator, "fr")
    plural = "" if numerator == 1 or parts.endswith("s") else "s"
    return f"{cardinal(numerator, 'fr')} {parts}{plural}"


def _half(found: re.Match[str]) -> str:
    """`½ heure`, `½ litre`."""
    noun = UNITS[found["noun"]][0] if found["noun"] in UNITS else found["noun"]
    kind = UNITS[found["noun"]][2] if found["noun"] in UNITS else gender(noun)
    return f"{'une' if kind == 'f' else 'un'} demi-{noun}"


def _millions(found: re.Match[str]) -> str:
    """`5 M€`, `2 Mds$`, `3 millions €`."""
    words = {"M": "million", "Md": "milliard", "Mds": "milliard", "Mrd": "milliard"}.get(
        found["big"], found["big"].rstrip("s")
    )
    one = re.fullmatch(r"[01](?:,\d+)?", found["n"]) is not None
    coin = {"€": "d'euros", "$": "de dollars", "£": "de livres", "¥": "de yens"}[found["sign"]]
    return f"{found['n']} {words}{'' if one else 's'} {coin}"


UNITS = {
    **{short: (noun, f"{noun}s", "m") for short, noun in {
        "km": "kilomètre", "m": "mètre", "dm": "décimètre", "cm": "centimètre", "mm": "millimètre",
        "µm": "micromètre", "nm": "nanomètre",
        "kg": "kilogramme", "g": "gramme", "mg": "milligramme", "µg": "microgramme", "l": "litre", "L": "litre",
        "ml": "millilitre",
        "mL": "millilitre", "cl": "centilitre", "cL": "centilitre", "dl": "décilitre", "hl": "hectolitre",
        "ha": "hectare", "W": "watt",
        "kW": "kilowatt", "MW": "mégawatt", "kWh": "kilowattheure", "V": "volt", "dB": "décibel",
        "hPa": "hectopascal", "ko": "kilooctet",
        "Mo": "mégaoctet", "Go": "gigaoctet", "To": "téraoctet",
    }.items()},
    **{short: (one, many, "m") for short, one, many in (
        ("m²", "mètre carré", "mètres carrés"), ("km²", "kilomètre carré", "kilomètres carrés"),
        ("cm²", "centimètre carré", "centimètres carrés"), ("m³", "mètre cube", "mètres cubes"),
        ("cm³", "centimètre cube", "centimètres cubes"), ("km/h", "kilomètre par heure", "kilomètres par heure"),
        ("m/s", "mètre par seconde", "mètres par seconde"), ("°C", "degré Celsius", "degrés Celsius"),
        ("℃", "degré Celsius", "degrés Celsius"), ("°F", "degré Fahrenheit", "degrés Fahrenheit"), ("°", "degré",
        "degrés"),
        ("Hz", "hertz", "hertz"), ("kHz", "kilohertz", "kilohertz"), ("MHz", "mégahertz", "mégahertz"), ("GHz",
        "gigahertz", "gigahertz"),
        ("hab.", "habitant", "habitants"), ("ans", "an", "ans"), ("an", "an", "ans"),
    )},
    **{short: (noun, f"{noun}s", "f") for short, noun in {
        "h": "heure", "min": "minute", "mn": "minute", "s": "seconde", "ms": "milliseconde", "t": "tonne",
        "kcal": "kilocalorie",
    }.items()},
    "‰": ("pour mille", "pour mille", "m"),
}  # fmt: skip

_N = r"(?P<n>\d{1,3}(?:[  ]\d{3})*(?:,\d+)?|\d+(?:,\d+)?)"
_SPECIAL: tuple[Rule, ...] = (
    account("fr"),
    telephone(r"0\d(?:[ .-]?\d\d){4}|\+\d{1,3} ?\d(?:[ .-]?\d\d){4}|\(0\d+\) ?\d+(?:[ .-]?\d+)*", "fr", "plus"),
    called("[Tt]él|[Tt]éléphone|[Ff]ax|[Pp]ortable", "fr", "plus"),
    (re.compile(rf"\b(?P<n>{ROMAN})(?P<ending>er|ers|re|res|ère)\b"),
     lambda found: _nth(roman_value(found["n"]), found["ending"])),
    (re.compile(rf"\b(?P<n>(?=[IVXLC]{{2}}){ROMAN}|[IVXLC](?=(?:e|ème) (?:{_RANKED}|et |ou )))"
                r"(?P<ending>es?|ème|èmes)\b"),
     lambda found: _nth(roman_value(found["n"]), found["ending"])),
    (re.compile(r"(?<![\w.,])(?P<n>\d+)[  ]?(?P<ending>ères?|res?|ers?|èmes?|iemes?|ièmes?|ndes?|nds?|es?)\b"),
     lambda found: _nth(int(found["n"]), found["ending"])),
    rewritten(r"(?<=ième) s\.", " siècle"),
    rewritten(rf"\b1 (?=(?:{_NAMED_MONTH})\b)", "premier "),
    (re.compile(rf"(?<=\d )(?P<m>{'|'.join(_SHORT_MONTHS)})\.?(?= \d{{4}}\b)"),
     lambda found: _SHORT_MONTHS[found["m"]]),
    day_month("[Ll]e|[Aa]u|[Dd]u|[Dd]ès le|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche", _date),
    rewritten(r"(?<=[\dh]) ?[-–] ?(?=\d{1,2} ?h\b)", " à "),
    rewritten(r"(?<![\d:])(\d{1,2}) ?h ?(\d\d) ?min\b", r"\1 h \2"),
    season("fr"),
    proportion("à", "fr"),
    product("fois"),
    (re.compile(rf"(?<![\w.,]){_N} ?(?P<big>Mds?|Mrd|M|millions?|milliards?) ?(?P<sign>[€$£¥])"), _millions),
    rewritten(r"(?<![\w.,])1 ?k€", "mille euros"),
    rewritten(r"(\d) ?k€", r"\1 mille euros"),
    rewritten(r"(?<![\d.,])(\d+) ?€ ?(\d\d)(?!\d)", r"\1,\2 €"),
    (re.compile(r"(?<![\d.,/])(?:½|1/2) (?P<noun>heures?|litres?|journées?|douzaine|kilo|km|m|kg|l|L|g|h|min)(?!\w)"),
     _half),
    rewritten(r"(?<=\d)½ (heures?|minutes?|journées?|années?|semaines?)\b", r" \1 et demie"),
    rewritten(r"(?<=années )80\b", "quatre-vingt"),
    rewritten(r"(?<=\d)½", " et demi"),
    (re.compile(r"(?<![\d.,])(?P<n>\d+) ?[x×](?!\w| ?\d)"), lambda found: f"{cardinal(int(found['n']), 'fr')} fois"),
    per("par", "euros?|dollars?|habitants?|litres?", "mois|an|jour|heure|semaine|personne|nuit|habitant|litre", UNITS),
    rewritten(r"#(?=[^\W\d])", "hashtag "),
    rewritten(r"[#№] ?(?=\d)", "numéro "),
    rewritten(r"\b[nN]os (?=\d)", "numéros "),
    rewritten(r"(?<!\w)[~≈] ?(?=\d)", "environ "),
    rewritten(r"§§ ?(?=\d)", "paragraphes "),
)  # fmt: skip


WRITING = Writing(
    code="fr",
    decimal=",",
    grouping=" .",
    point="virgule",
    fraction_digits=2,
    minus="moins",
    percent="pour cent",
    until="à",
    abbreviations={
        "M.": "Monsieur", "MM.": "Messieurs", "Mme": "Madame", "Mmes": "Mesdames", "Mlle": "Mademoiselle",
        "Mlles": "Mesdemoiselles",
        "Dr": "Docteur", "Dr.": "Docteur", "Pr": "Professeur", "Me": "Maître", "Mgr": "Monseigneur", "St": "Saint",
        "Ste": "Sainte",
        "St-": "Saint-", "Ste-": "Sainte-", "etc.": "et cetera", "p. ex.": "par exemple", "c.-à-d.": "c'est-à-dire",
        "av. J.-C.": "avant Jésus-Christ", "apr. J.-C.": "après Jésus-Christ", "ap. J.-C.": "après Jésus-Christ",
        "env.": "environ",
        "bd": "boulevard", "bd.": "boulevard", "Bd": "boulevard", "av.": "avenue", "pl.": "place", "cf.": "confer",
        "vs": "versus",
        "vs.": "versus", "n°#": "numéro", "N°#": "numéro", "nº#": "numéro", "Nº#": "numéro", "tél.": "téléphone",
        "p.#": "page", "pp.#": "pages", "art.#": "article", "chap.": "chapitre", "vol.": "volume",
        "éd.": "édition", "fig.": "figure", "max.": "maximum", "min.": "minimum", "nb": "nota bene",
        "N.B.": "nota bene",
        "janv.": "janvier", "févr.": "février", "juil.": "juillet", "déc.": "décembre",
        "Cie": "Compagnie", "S.A.": "S A", "qqch.": "quelque chose", "qqn": "quelqu'un",
    },
    closing=frozenset({"etc.", "av. J.-C.", "apr. J.-C.", "ap. J.-C.", "S.A.", "max.", "min."}),
    units=UNITS,
    currencies={
        sign: ((noun, f"{noun}s", gender), ("", "", gender)) for sign, noun, gender in (
            ("€", "euro", "m"), ("EUR", "euro", "m"), ("$", "dollar", "m"), ("USD", "dollar américain", "m"),
            ("US$", "dollar américain", "m"),
            ("£", "livre", "f"), ("GBP", "livre", "f"), ("¥", "yen", "m"), ("¢", "centime", "m"),
        )
    } | {"CHF": (("franc suisse", "francs suisses", "m"), ("", "", "m")), "USD": (("dollar américain",
    "dollars américains", "m"), ("", "", "m")),
         "US$": (("dollar américain", "dollars américains", "m"), ("", "", "m"))},
    joined="",
    months=_MONTHS,
    symbols={
        "&": "et", "+": "plus", "=": "égale", "@": "arobase", "×": "fois", "÷": "divisé par", "§": "paragraphe",
        "#": "dièse",
        "‰": "pour mille", "℃": "degrés Celsius", "°": "degrés", "<": "inférieur à", ">": "supérieur à",
        "≤": "inférieur ou égal à",
        "≥": "supérieur ou égal à", "≠": "différent de", "≈": "environ égal à", "±": "plus ou moins",
        "^": "puissance", "²": "au carré",
        "³": "au cube", "√": "racine carrée de", "№": "numéro", "~": "environ", "/": "barre oblique",
        "\\": "barre oblique inverse",
        "*": "astérisque", "_": "tiret bas", "©": "copyright", "®": "marque déposée", "™": "marque commerciale",
        "−": "moins",
        "∞": "infini", "→": "flèche", "µ": "micro",
    },
    agree=_agree,
    date=_date,
    time=_time,
    special=_SPECIAL,
    regnal={
        **dict.fromkeys((
            *("Louis", "Henri", "Charles", "François", "Napoléon", "Philippe", "Élisabeth", "Elizabeth",
            "Jean-Paul", "Jean", "Pie", "Léon"),
            *("Benoît", "Grégoire", "Innocent", "Clément", "Urbain", "Boniface", "Guillaume", "Frédéric",
            "Catherine", "Nicolas", "Alexandre"),
            *("Édouard", "Edouard", "Georges", "Jacques", "Richard", "Léopold", "Albert", "Ramsès",
            "Philippe-Auguste", "Robert", "Ferdinand"),
            *("Alphonse", "Victor-Emmanuel", "Joseph", "Pierre", "Paul", "Sixte", "Jules", "Childéric", "Clovis",
            "Hugues", "Otton", "Mohammed"),
            *("Hassan", "Baudouin", "Isabelle", "Christian", "Gustave", "Guerre mondiale"),
        ), "ordinal"),
        **dict.fromkeys(("chapitre", "Chapitre", "tome", "Tome", "acte", "Acte", "volume", "livre", "partie",
        "titre", "scène"), "cardinal"),
    },
    roman=_roman,
    fraction=_fraction,
    and_fraction="et",
    counted=_counted,
    power=powers("au carré", "au cube", "puissance", "moins", "fr"),
)  # fmt: skip
