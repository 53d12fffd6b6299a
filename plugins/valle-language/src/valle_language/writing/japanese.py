"""Japanese: numbers in kana, so that they are read as they are counted (四時 is よじ, 一人 is ひとり)."""

from __future__ import annotations

import re

from valle_language.number_words import MOST_DIGITS, kana
from valle_language.roman import ROMAN, roman_value
from valle_language.writing.scan import VULGAR, Step, vulgar, write_all

_DIGITS = ("ゼロ", "いち", "に", "さん", "よん", "ご", "ろく", "なな", "はち", "きゅう")
_HOURS = {4: "よ", 7: "しち", 9: "く", 0: "れい"}
_MONTHS = {4: "し", 7: "しち", 9: "く"}
_DAYS = ("", "ついたち", "ふつか", "みっか", "よっか", "いつか", "むいか", "なのか", "ようか", "ここのか", "とおか")
_ODD_DAYS = {14: "じゅうよっか", 20: "はつか", 24: "にじゅうよっか"}
_PEOPLE = {1: "ひとり", 2: "ふたり", 4: "よにん"}
_THINGS = ("", "ひと", "ふた", "みっ", "よっ", "いつ", "むっ", "なな", "やっ", "ここの")
_UNITS = {
    "km/h": "キロメートルまいじ", "m/s": "メートルまいびょう", "km²": "へいほうキロメートル", "km": "キロメートル",
    "cm²": "へいほうセンチメートル", "cm": "センチメートル", "mm": "ミリメートル", "kg": "キログラム",
    "mg": "ミリグラム", "m²": "へいほうメートル",
    "m³": "りっぽうメートル", "m": "メートル", "g": "グラム", "t": "トン", "ml": "ミリリットル",
    "mL": "ミリリットル", "dl": "デシリットル",
    "L": "リットル", "l": "リットル", "ha": "ヘクタール", "°C": "ど", "℃": "ど", "°F": "かし", "°": "ど",
    "Hz": "ヘルツ", "kHz": "キロヘルツ",
    "MHz": "メガヘルツ", "GHz": "ギガヘルツ", "W": "ワット", "kW": "キロワット", "kWh": "キロワットじ",
    "V": "ボルト", "kB": "キロバイト",
    "KB": "キロバイト", "MB": "メガバイト", "GB": "ギガバイト", "TB": "テラバイト", "dB": "デシベル",
    "hPa": "ヘクトパスカル", "kcal": "キロカロリー",
    "h": "じかん", "min": "ふん", "s": "びょう", "ms": "ミリびょう",
}  # fmt: skip
_MONEY = {
    "¥": "えん",
    "￥": "えん",
    "US$": "ドル",
    "$": "ドル",
    "€": "ユーロ",
    "£": "ポンド",
    "₩": "ウォン",
    "¢": "セント",
}
_SIGNS = {
    "&": "アンド", "+": "プラス", "=": "イコール", "@": "アットマーク", "×": "かける", "÷": "わる",
    "§": "セクション", "#": "シャープ", "%": "パーセント",
    "‰": "パーミル", "℃": "ど", "°": "ど", "<": "しょうなり", ">": "だいなり", "≤": "しょうなりイコール",
    "≥": "だいなりイコール", "≦": "しょうなりイコール",
    "≧": "だいなりイコール", "≠": "ノットイコール", "≈": "ニアリーイコール", "≒": "ニアリーイコール",
    "±": "プラスマイナス", "^": "ハット", "²": "のにじょう",
    "³": "のさんじょう", "√": "ルート", "№": "ナンバー", "~": "チルダ", "/": "スラッシュ",
    "\\": "バックスラッシュ", "*": "アスタリスク",
    "_": "アンダーバー", "©": "コピーライト", "®": "とうろくしょうひょう", "™": "トレードマーク", "−": "マイナス",
    "∞": "むげんだい", "→": "やじるし",
    "※": "こめじるし", "〒": "ゆうびんばんごう", **_MONEY,
}  # fmt: skip
_COUNTERS = {
    "個": "こ", "回": "かい", "階": "かい", "件": "けん", "軒": "けん", "歳": "さい", "才": "さい", "冊": "さつ",
    "足": "そく", "世紀": "せいき",
    "週間": "しゅうかん", "章": "しょう", "頭": "とう", "通": "つう", "点": "てん", "丁目": "ちょうめ",
    "着": "ちゃく", "本": "ほん", "匹": "ひき",
    "杯": "はい", "泊": "はく", "分": "ふん", "か月": "かげつ", "ヶ月": "かげつ", "カ月": "かげつ",
    "ヵ月": "かげつ", "箇月": "かげつ", "か国": "かこく",
    "ヶ国": "かこく", "カ国": "かこく", "ページ": "ページ", "キロ": "キロ", "ポイント": "ポイント",
    "パーセント": "パーセント", "センチ": "センチ",
    "セット": "セット", "トン": "トン", "ケース": "ケース", "カップ": "カップ",
}  # fmt: skip
_VOICED_AFTER_THREE = {
    "階": "がい",
    "軒": "げん",
    "足": "ぞく",
    "本": "ぼん",
    "匹": "びき",
    "杯": "ばい",
    "分": "ぷん",
    "泊": "ぱく",
}
_HARD = {"ほ": "ぽ", "ひ": "ぴ", "は": "ぱ", "ふ": "ぷ"}
_UNIT = "|".join(map(re.escape, sorted(_UNITS, key=len, reverse=True)))
_COUNTER = "|".join(sorted(_COUNTERS, key=len, reverse=True))
_COIN = "|".join(map(re.escape, sorted(_MONEY, key=len, reverse=True)))


def number(text: str) -> str:
    """`1,234.5` → `せんにひゃくさんじゅうよんてんご`."""
    whole, _, fraction = text.replace(",", "").partition(".")
    digit_by_digit = len(whole) > MOST_DIGITS or (whole[0] == "0" and whole != "0")
    said = _by_digit(whole) if digit_by_digit else "れい" if fraction and whole == "0" else kana(int(whole))
    if not fraction:
        return said
    return (said if digit_by_digit else _shortened(said, "いちはちじゅう")) + f"てん{_by_digit(fraction)}"


def _by_digit(digits: str) -> str:
    return "".join(_DIGITS[int(digit)] for digit in digits)


def _shortened(said: str, endings: str) -> str:
    """いち before a counter is いっ, and so on; `endings` names the numbers that do so."""
    for long, short in (
        ("いち", "いっ"),
        ("ろく", "ろっ"),
        ("はち", "はっ"),
        ("じゅう", "じゅっ"),
        ("ひゃく", "ひゃっ"),
    ):
        if said.endswith(long) and long in endings:
            return said.removesuffix(long) + short
    return said


def counted(count: int, counter: str) -> str:
    """`3匹` → `さんびき`: number and counter as they sound together."""
    said, reading = kana(count), _COUNTERS[counter]
    if counter in ("歳", "才") and count == 20:
        return "はたち"
    if counter in _VOICED_AFTER_THREE and said.endswith("さん"):
        return said + _VOICED_AFTER_THREE[counter]
    if counter == "分" and said.endswith("よん"):
        return f"{said}ぷん"
    first = reading[0]
    endings = (
        *("いちろくはちじゅうひゃく" if first in "かきくけこはひふへほ" else "",),
        *("いちはちじゅう" if first in "さしすせそたちつてと" else "",),
        *("じゅう" if first > "ァ" else "",),
    )
    short = _shortened(said, "".join(endings))
    return short + (_HARD.get(first, first) if short != said else first) + reading[1:]


def _hour(hour: int) -> str:
    if hour in (10, 20) or hour % 10 not in _HOURS:
        return f"{kana(hour)}じ"
    return f"{kana(hour - hour % 10) if hour > 10 else ''}{_HOURS[hour % 10]}じ"


def _time(found: re.Match[str]) -> str:
    minute, second = int(found["m"]), found["s"]
    said = _hour(int(found["h"])) + (counted(minute, "分") if minute else "")
    return said + (f"{kana(int(second))}びょう" if second else "")


def _month(number: int) -> str:
    return f"{_MONTHS.get(number, kana(number))}がつ"


def _day(number: int) -> str:
    if number in _ODD_DAYS:
        return _ODD_DAYS[number]
    return _DAYS[number] if number < len(_DAYS) else f"{kana(number)}にち"


def _year(number: int) -> str:
    said = kana(number)
    return (said.removesuffix("よん") + "よ" if said.endswith("よん") else said) + "ねん"


def _date(found: re.Match[str]) -> str:
    return f"{_year(int(found['y']))}{_month(int(found['mo']))}{_day(int(found['d']))}"


def _people(found: re.Match[str]) -> str:
    count = int(found["n"])
    if count in _PEOPLE:
        return _PEOPLE[count]
    said = number(found["n"])
    return (f"{said.removesuffix('よん')}よ" if said.endswith("よん") else said) + "にん"


def _fraction(found: re.Match[str]) -> str:
    whole = f"{kana(int(found['w']))}と" if found["w"] else ""
    return f"{whole}{kana(int(found['b']))}ぶんの{kana(int(found['a']))}"


_N = r"(?P<n>\d+(?:,\d{3})*(?:\.\d+)?)"
_BIG = "(?P<big>[十百千万億兆]*)"
STEPS: tuple[Step, ...] = (
    (VULGAR, vulgar),
    (r"(?P<y>\d{4})[-/.](?P<mo>\d{1,2})[-/.](?P<d>\d{1,2})(?!\d)", _date),
    (r"(?<=[\d時年月日人円回個度歳分%％])\s?[–~～〜]\s?(?=\d)", lambda f: "から"),
    (r"(?<![\d%％] )(?<![\d%％年月日時点])[~～≈≒] ?(?=\d)", lambda f: "やく"),
    (rf"(?P<n>{ROMAN})(?=[世章巻部幕])", lambda f: str(roman_value(f["n"]))),
    (r"(?<![\d/.])(?P<mo>1[0-2]|[1-9])/(?P<d>3[01]|[12]\d|[1-9])(?=[(（][月火水木金土日])",
     lambda f: _month(int(f["mo"])) + _day(int(f["d"]))),
    (r"(?<![\d/.])(?:(?P<w>\d+) )?(?P<a>\d{1,2})[/⁄](?P<b>\d{1,2})(?![\d/])", _fraction),
    (r"(?<!\d)(?P<b>\d{1,3})分の(?P<a>\d{1,3})", lambda f: f"{kana(int(f['b']))}ぶんの{kana(int(f['a']))}"),
    (r"(?P<n>\d{1,2})世(?![紀代界])", lambda f: f"{kana(int(f['n']))}せい"),
    (r"(?<![\d.])(?P<n>\d{1,4})年", lambda f: _year(int(f["n"]))),
    (r"(?<!\d)(?P<n>1[0-2]|[1-9])月(?P<d>3[01]|[12]\d|[1-9])日", lambda f: _month(int(f["n"])) + _day(int(f["d"]))),
    (r"(?<!\d)(?P<n>1[0-2]|[1-9])月", lambda f: _month(int(f["n"]))),
    (r"(?<![\d月])1日(?=[間中\d]|あたり|に\d|当たり)", lambda f: "いちにち"),
    (r"(?<!\d)(?P<d>[1-9]|[12]\d|3[01])日(?!本)", lambda f: _day(int(f["d"]))),
    (r"(?P<n>\d+)日(?!本)", lambda f: f"{number(f['n'])}にち"),
    (r"(?<!\d)(?P<h>[01]?\d|2[0-3])[:：時](?P<m>[0-5]?\d)(?:[:：分](?P<s>[0-5]\d)秒?|分|(?<=\d\d))(?!\d)", _time),
    (r"(?<![\d.])(?P<n>1?\d|2[0-4])時", lambda f: _hour(int(f["n"]))),
    (r"(?<![\d:：])(?P<a>\d{1,3})[:：](?P<b>\d{1,3})(?![\d:：])",
     lambda f: f"{kana(int(f['a']))}たい{kana(int(f['b']))}"),
    (r"(?<![\d.])(?P<n>\+?0\d{1,4}-?\d{1,4}-?\d{3,4}|\+\d[\d-]{7,})(?!\d)",
     lambda f: ("プラス" if f["n"][0] == "+" else "") + _by_digit(re.sub(r"\D", "", f["n"]))),
    (r"〒 ?(?P<n>\d{3}-?\d{4})", lambda f: "ゆうびんばんごう" + _by_digit(f["n"].replace("-", ""))),
    (r"(?<=\d)\s?-\s?(?=\d)", lambda f: "から"),
    (r"(?<=[\u3040-\u30ff])[~～〜]+(?=[\s。、！!？?…」）)]|$)", lambda f: "ー"),
    (rf"{_N}\s?[%％]", lambda f: f"{number(f['n'])}パーセント"),
    (rf"(?P<s>{_COIN})\s?{_N}{_BIG}", lambda f: number(f["n"]) + f["big"] + _MONEY[f["s"]]),
    (rf"{_N}{_BIG}円", lambda f: f"{number(f['n'])}{f['big']}えん"),
    (rf"(?<![\w)])[-−]{_N}", lambda f: f"マイナス{f['n']}"),
    (rf"{_N}\s?(?P<u>{_UNIT})(?![A-Za-z/])", lambda f: number(f["n"]) + _UNITS[f["u"]]),
    (r"(?<![\d.,])(?P<n>\d+)人(?![^\W\d_]*種|前)", _people),
    (rf"(?<![\d.,])(?P<n>\d{{1,6}}) ?(?P<c>{_COUNTER})(?!社|店|部)", lambda f: counted(int(f["n"]), f["c"])),
    (r"(?<![\d.,])(?P<n>[1-9])つ", lambda f: f"{_THINGS[int(f['n'])]}つ"),
    (r"(?P<a>\d+)\^(?P<n>\d+)", lambda f: f"{number(f['a'])}の{number(f['n'])}じょう"),
    (r"[#＃№] ?(?=\d)|\bNo\. ?(?=\d)", lambda f: "ナンバー"),
    (r"[#＃](?=[^\W\d])", lambda f: "ハッシュタグ"),
    (_N, lambda f: number(f["n"])),
    (r"(?<=[じんちか])間", lambda f: "かん"),
    (r"(?<=ねん)代", lambda f: "だい"),
    (r"(?<=[じん])半", lambda f: "はん"),
    ("|".join(map(re.escape, sorted(_SIGNS, key=len, reverse=True))), lambda f: _SIGNS[f.group()]),
)  # fmt: skip


def write_out(text: str) -> str:
    """All numbers and symbols of a Japanese text in kana."""
    return write_all(text, STEPS)
