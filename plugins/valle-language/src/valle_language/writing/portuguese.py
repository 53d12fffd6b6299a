"""Portuguese, in Portugal and Brazil: num2words spells some numbers apart, and so do the tags."""

from __future__ import annotations

import re
from collections.abc import Callable

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
from valle_language.writing.nouns.portuguese import gender
from valle_language.writing.rules import Noun, Rule, Writing

_MONTHS = (
    *("janeiro", "fevereiro", "março", "abril", "maio", "junho"),
    *("julho", "agosto", "setembro", "outubro", "novembro", "dezembro"),
)
_QUEENS = ("Maria", "Isabel", "Elizabeth", "Catarina", "Leonor", "Beatriz", "Cristina", "Margarida", "Joana", "Vitória")
_NUMBERED = re.compile(
    r"(?i:\b(?:número|capítulo|página|tomo|volume|linha|artigo|sala|quarto|grupo|etapa|versão|nível|autocarro|"
    r"ônibus|cais|porta|tipo|classe|"
    r"parte|lição|aula|figura|fase|zona|voo|ato|acto|cena|temporada|episódio|canal|opção|tabela|nota|quilómetro|"
    r"quilômetro|ano|em|o|a|do|da|"
    r"ao|à|no|na|vírgula|menos|mais|por|com|entre|andar|rua|seção|secção|lei|ponto|rota|fórmula|unidade|bloco|e)\s*)$"
)
_NO_NOUN = listed(
    "a o e ou de da do das dos em na no nas nos com por para que se não os as um uma é era esta este essa isso sem "
    "sobre até há lhe me te sua "
    "seu como quando onde entre contra mais menos está já outra cada nada toda todas agora fora trata fica passa "
    "chega sai entra foi foram são "
    "porque mas pela pelo"
)
_EITHER = listed("grandes grande jovens jovem importantes importante possíveis simples mil")
_PARTS = {2: "meio", 3: "terço"}


def _agree(words: str, gender: str) -> str:
    """The last part of a number: duas mil e duzentas, but dois milhões."""
    if gender != "f":
        return words
    large = re.search(r".*(?:ilhão|ilhões)\b", words)
    start = large.end() if large else 0
    tail = re.sub(r"\bdois\b", "duas", re.sub(r"\bum$", "uma", words[start:]))
    return words[:start] + re.sub(r"entos\b", "entas", tail)


def _counted(words: str, before: str, after: str) -> str:
    found = re.match(r" ([^\W\d_]+)(?: ([^\W\d_]+))?", after)
    if found is None or _NUMBERED.search(before) or _agree(words, "f") == words:
        return words
    noun = found[2] if found[1].lower() in _EITHER and found[2] else found[1]
    return words if noun.lower() in _NO_NOUN or noun.startswith(("milh", "bilh")) else _agree(words, gender(noun))


def _numbered(found: re.Match[str]) -> str:
    words = ordinal(int(found["n"]), "pt")
    return re.sub(r"o\b", "a", words) if found["ending"] in ("ª", "a") else words


def _roman(number: int, reading: str) -> str:
    if reading == "cardinal" or number > 10:
        return cardinal(number, "pt")
    words = ordinal(number, "pt")
    return re.sub(r"o$", "a", words) if reading == "feminine" else words


def _date(code: str) -> Callable[[int | None, int, int, str], str]:
    def date(year: int | None, month: int, day: int, before: str) -> str:
        first = "primeiro" if day == 1 else cardinal(day, code)
        return f"{first} de {_MONTHS[month - 1]}" + (f" de {cardinal(year, code)}" if year else "")

    return date


def _time(hour: int, minute: int) -> str:
    said = _agree(cardinal(hour, "pt"), "f")
    if minute == 0:
        return f"{said} {'hora' if hour < 2 else 'horas'}"
    return f"{said} e {cardinal(minute, 'pt')}"


def _fraction(numerator: int, denominator: int) -> str | None:
    if not (2 <= denominator <= 16 and 0 < numerator <= 2 * denominator):
        return f"{cardinal(numerator, 'pt')} sobre {cardinal(denominator, 'pt')}"
    count = cardinal(numerator, "pt")
    if denominator > 10:
        return f"{count} {cardinal(denominator, 'pt')} avos"
    return f"{count} {_PARTS.get(denominator) or ordinal(denominator, 'pt')}{'' if numerator == 1 else 's'}"


def _half(found: re.Match[str], units: dict[str, Noun]) -> str:
    """`½ litro`, `½ hora`."""
    noun, _, kind = units.get(found["noun"], (found["noun"], "", gender(found["noun"])))
    return f"{'meia' if kind == 'f' else 'meio'} {noun}"


def _centuries(found: re.Match[str]) -> str:
    return f"{found['word']} {_roman(roman_value(found['a']), '')}{found['and']}{_roman(roman_value(found['b']), '')}"


def _before(found: re.Match[str]) -> str:
    """`II Guerra Mundial`, `I Congresso`."""
    return _roman(roman_value(found["n"]), "feminine" if gender(found["noun"].lower()) == "f" else "") + " "


def _lord(found: re.Match[str]) -> str:
    """`D. João`, `D. Maria`."""
    return ("Dona " if found["name"] in _QUEENS or found["name"].endswith("a") else "Dom ") + found["name"]


def _units(kilometre: str) -> dict[str, Noun]:
    return {
        **{short: (noun, f"{noun}s", "m") for short, noun in {
            "km": kilometre, "m": "metro", "dm": "decímetro", "cm": "centímetro", "mm": "milímetro",
            "kg": "quilograma", "g": "grama",
            "mg": "miligrama", "µg": "micrograma", "l": "litro", "L": "litro", "ml": "mililitro",
            "mL": "mililitro", "cl": "centilitro",
            "dl": "decilitro", "hl": "hectolitro", "ha": "hectare", "min": "minuto", "s": "segundo",
            "seg": "segundo", "ms": "milissegundo",
            "W": "watt", "kW": "quilowatt", "MW": "megawatt", "kWh": "quilowatt-hora", "V": "volt",
            "kB": "quilobyte", "KB": "quilobyte",
            "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte", "dB": "decibel",
        }.items()},
        **{short: (one, many, "m") for short, one, many in (
            ("m²", "metro quadrado", "metros quadrados"), ("km²", f"{kilometre} quadrado", f"{kilometre}s quadrados"),
            ("cm²", "centímetro quadrado", "centímetros quadrados"), ("m³", "metro cúbico", "metros cúbicos"),
            ("cm³", "centímetro cúbico", "centímetros cúbicos"),
            ("km/h", f"{kilometre} por hora", f"{kilometre}s por hora"),
            ("m/s", "metro por segundo", "metros por segundo"), ("°C", "grau Celsius", "graus Celsius"), ("ºC",
            "grau Celsius", "graus Celsius"),
            ("℃", "grau Celsius", "graus Celsius"), ("°F", "grau Fahrenheit", "graus Fahrenheit"), ("°", "grau",
            "graus"),
            ("Hz", "hertz", "hertz"), ("kHz", "quilohertz", "quilohertz"), ("MHz", "megahertz", "megahertz"),
            ("GHz", "gigahertz", "gigahertz"),
            ("‰", "por mil", "por mil"), ("hab.", "habitante", "habitantes"),
        )},
        "h": ("hora", "horas", "f"),
        "t": ("tonelada", "toneladas", "f"),
        "kcal": ("quilocaloria", "quilocalorias", "f"),
    }  # fmt: skip


def _special(code: str, units: dict[str, Noun]) -> tuple[Rule, ...]:
    billion = ("mil milhões", "mil milhões") if code == "pt" else ("bilhão", "bilhões")
    return (
        account(code),
        telephone(r"\+\d{1,3}(?: ?\(?\d{2,3}\)?)(?: ?\d{3,5}[ -]?\d{3,4}(?: ?\d{3})?)|\(\d{2}\) ?9?\d{4}-?\d{4}|"
                  r"(?!(?:1\d|20)\d\d-)\d{4,5}-\d{4}|9\d{2} \d{3} \d{3}", code, "mais"),
        called("[Tt]el|[Tt]elefone|[Tt]elemóvel|[Cc]elular|[Ff]ax", code, "mais"),
        (re.compile(rf"\b(?P<word>[Ss]éculos) (?P<a>{ROMAN})(?P<and>,? (?:e|a|ao|ou) )(?P<b>{ROMAN})\b"), _centuries),
        (re.compile(rf"\b(?P<n>{ROMAN}) (?=(?P<noun>Guerra|República|Internacional|Cúpula|Cimeira|Edição|Congresso|"
                    r"Concílio|Milênio|Encontro)\b)"), _before),
        (re.compile(r"\bD\. (?P<name>[A-ZÀ-Ý][a-zà-ÿ]+)"), _lord),
        (re.compile(r"(?<![\w.,])(?P<n>\d+)\.?(?P<ending>º|ª|°(?! ?[CF])|o(?= )|a(?= ))(?!\w)"), _numbered),
        rewritten(rf"(?<![\d/.,])1 (?=de (?:{'|'.join(_MONTHS)})\b)", "primeiro "),
        day_month("[Dd]ia|[Aa]o|segunda|terça|quarta|quinta|sexta|sábado|domingo|[Dd]e|[Ee]m", _date(code)),
        (re.compile(r"(?<![\d:.,])(?P<h>[01]?\d|2[0-4]) ?h ?(?P<m>[0-5]\d)(?: ?min)?\b"),
         lambda found: _time(int(found["h"]), int(found["m"]))),
        season(code),
        proportion("a", code),
        product("vezes"),
        millions({**dict.fromkeys(("M", "mi", "mi.", "milhão", "milhões"), ("milhão", "milhões")),
                  **dict.fromkeys(("bi", "bi.", "bilhão", "bilhões", "mM"), billion)},
                 {"€": "de euros", "$": "de dólares", "£": "de libras", "US$": "de dólares"}),
        (re.compile(r"(?P<sign>R\$|US\$|€|\$) ?(?P<n>\d+(?:[.,]\d+)*) ?"
                    r"(?P<big>mi|bi|milhão|milhões|bilhão|bilhões)\b\.?"),
         lambda found: f"{found['n']} {_big(found['big'], found['n'], billion)} de "
                       f"{ {'R$': 'reais', '€': 'euros'}.get(found['sign'], 'dólares') }"),
        (re.compile(r"(?<![\d.,/])(?:½|1/2) (?P<noun>litro|quilo|hora|dia|dúzia|ano|xícara|chávena|colher|copo|limão|"
                    r"km|m|kg|l|L|g|h)(?!\w)"),
         lambda found: _half(found, units)),
        rewritten(r"(?<=\d)½ (horas?|xícaras?|chávenas?|dúzias?|toneladas?|semanas?|colheres)\b", r" \1 e meia"),
        rewritten(r"(?<=\d)½", " e meio"),
        (re.compile(r"(?<![\d.,])(?P<n>\d+) ?[x×](?!\w| ?\d)"),
         lambda found: f"{_agree(cardinal(int(found['n']), code), 'f')} vezes"),
        per("por", "euros?|dólares|reais|habitantes?|litros?",
        "mês|ano|dia|hora|semana|pessoa|noite|habitante|litro|quilo", units),
        rewritten(r"#(?=[^\W\d])", "hashtag "),
        rewritten(r"(?:#|№) ?(?=\d)", "número "),
        rewritten(r"(?<!\w)[~≈] ?(?=\d)", "cerca de "),
        rewritten(r"§§ ?(?=\d)", "parágrafos "),
    )  # fmt: skip


def _big(short: str, number: str, billion: tuple[str, str]) -> str:
    if len(short) > 2:
        return short
    one, many = ("milhão", "milhões") if short == "mi" else billion
    return one if number == "1" else many


def _writing(code: str, kilometre: str) -> Writing:
    units = _units(kilometre)
    pence = ("péni", "pence", "m")
    return Writing(
        code=code,
        decimal=",",
        grouping=". ",
        point="vírgula",
        fraction_digits=2,
        minus="menos",
        percent="por cento",
        until="a",
        abbreviations={
            "Sr.": "senhor", "Srs.": "senhores", "Sra.": "senhora", "Sr.ª": "senhora", "Srta.": "senhorita",
            "Dr.": "doutor", "Dra.": "doutora",
            "Dr.ª": "doutora", "Prof.": "professor", "Profa.": "professora", "Prof.ª": "professora",
            "Eng.": "engenheiro", "Arq.": "arquiteto",
            "V. Ex.ª": "Vossa Excelência", "Exmo.": "excelentíssimo", "Sto.": "Santo", "Sta.": "Santa",
            "etc.": "et cetera", "p. ex.": "por exemplo",
            "p.ex.": "por exemplo", "ex.:": "exemplo:", "a.C.": "antes de Cristo", "d.C.": "depois de Cristo",
            "a. C.": "antes de Cristo",
            "d. C.": "depois de Cristo", "pág.": "página", "págs.": "páginas", "p.#": "página", "n.º#": "número",
            "nº#": "número", "Nº#": "número",
            "n°#": "número", "N.º#": "número", "núm.": "número", "av.": "avenida", "Av.": "avenida", "R.": "rua",
            "aprox.": "aproximadamente",
            "art.": "artigo", "cap.": "capítulo", "vol.": "volume", "fig.": "figura", "tel.": "telefone",
            "máx.": "máximo", "mín.": "mínimo",
            "Ltda.": "limitada", "Lda.": "limitada",
            "S.A.": "sociedade anónima" if code == "pt" else "sociedade anônima", "EUA": "Estados Unidos",
            "vs.": "versus", "séc.": "século", "dpto.": "departamento", "Cia.": "companhia",
        },
        closing=frozenset({"etc.", "a.C.", "d.C.", "a. C.", "d. C.", "Ltda.", "Lda.", "S.A.", "Cia."}),
        units=units,
        currencies={
            "€": (("euro", "euros", "m"), ("cêntimo", "cêntimos", "m")), "EUR": (("euro", "euros", "m"),
            ("cêntimo", "cêntimos", "m")),
            "R$": (("real", "reais", "m"), ("centavo", "centavos", "m")), "BRL": (("real", "reais", "m"),
            ("centavo", "centavos", "m")),
            **dict.fromkeys(("$", "US$", "USD"), (("dólar", "dólares", "m"),
            ("cêntimo" if code == "pt" else "centavo", "cêntimos" if code == "pt" else "centavos", "m"))),
            "£": (("libra", "libras", "f"), pence), "GBP": (("libra", "libras", "f"), pence),
            "¥": (("iene", "ienes", "m"), ("", "", "m")), "¢": (("centavo", "centavos", "m"), ("", "", "m")),
            "CHF": (("franco suíço", "francos suíços", "m"), ("cêntimo", "cêntimos", "m")),
        },
        joined="e",
        months=_MONTHS,
        symbols={
            "&": "e", "+": "mais", "=": "igual a", "@": "arroba", "×": "vezes", "÷": "dividido por", "§": "parágrafo",
            "#": "cardinal" if code == "pt" else "cerquilha", "‰": "por mil", "℃": "graus Celsius", "°": "graus",
            "<": "menor que",
            ">": "maior que", "≤": "menor ou igual a", "≥": "maior ou igual a", "≠": "diferente de",
            "≈": "aproximadamente igual a",
            "±": "mais ou menos", "^": "elevado a", "²": "ao quadrado", "³": "ao cubo", "√": "raiz quadrada de",
            "№": "número", "~": "cerca de",
            "/": "barra", "\\": "barra invertida", "*": "asterisco", "_": "sublinhado", "©": "copyright",
            "®": "marca registada", "™": "marca",
            "−": "menos", "∞": "infinito", "→": "seta", "µ": "micro",
        },
        agree=_agree,
        date=_date(code),
        time=_time,
        special=_special(code, units),
        regnal={
            **dict.fromkeys(("João", "Pedro", "Afonso", "Manuel", "João Paulo", "Carlos", "Luís", "Henrique",
            "Filipe", "Sebastião", "José",
                             "Miguel", "Duarte", "Sancho", "Dinis", "Fernando", "Bento", "Pio", "Leão", "Gregório",
                             "Paulo", "Napoleão",
                             "Guilherme", "Jorge", "Eduardo", "Ricardo", "Francisco", "Nicolau", "Alexandre",
                             "Ramsés", "Charles",
                             "século", "Século"), "ordinal"),
            **dict.fromkeys(_QUEENS, "feminine"),
            **dict.fromkeys(("capítulo", "Capítulo", "tomo", "Tomo", "volume", "Volume", "livro", "título", "ato",
            "acto", "parte"), "cardinal"),
        },
        roman=_roman,
        fraction=_fraction,
        and_fraction="e",
        counted=_counted,
        power=powers("ao quadrado", "ao cubo", "elevado a", "menos", code),
    )  # fmt: skip


EUROPEAN, BRAZILIAN = _writing("pt", "quilómetro"), _writing("pt_BR", "quilômetro")
