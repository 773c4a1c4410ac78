"""Words that turn the meaning of a sentence, in the languages that documents are often written in.

Words that also mean something else in another of these languages are left out, such as "mai" or "sin".
"""

import re
from collections.abc import Iterator

NOT = "NOT"
DENIALS = frozenset({NOT, "EXCEPT"})
"""The kinds that deny the words after them."""

_KINDS = {
    NOT: """
        not no never none nobody nothing neither nor without cannot
        nicht kein keine keinen keinem keiner keines nie niemals ohne nichts niemand weder
        ne pas jamais sans aucun aucune rien ni
        nunca ninguno ninguna ningún jamás tampoco nada
        non senza nessun nessuno nessuna né
        não nao nem sem nenhum nenhuma
        niet geen nooit zonder
        inte aldrig utan ikke aldri uten aldrig uden
        nie bez не нет без никогда нельзя ні
        değil yok
        لا ليس ليست لن لم غير بدون دون
        नहीं न बिना मत
    """,
    "EXCEPT": """
        except excluding unless besides außer ausgenommen sauf excepté salvo excepto tranne eccetto exceto
        behalve utom bortset oprócz кроме إلا باستثناء सिवाय
    """,
    "ONLY": """
        only solely exclusively nur ausschließlich lediglich seulement uniquement solo sólo solamente únicamente
        soltanto apenas somente slechts enkel bara endast kun tylko только лишь فقط केवल सिर्फ
    """,
    "BEFORE": """
        before prior vor bevor vorher zuvor avant antes prima voordat före innan før przed перед قبل पहले
    """,
    "AFTER": """
        after afterwards nach nachdem danach nachher après después dopo depois nadat efter etter после بعد बाद
    """,
    "MORE": """
        more mehr plus más mais più meer mer mere więcej больше более أكثر अधिक ज़्यादा
    """,
    "LESS": """
        less fewer weniger moins menos meno minder mindre mniej меньше менее أقل कम
    """,
    "DURING": "during während pendant durante tijdens",
    "UNTIL": "until till bis jusque hasta fino até",
    "ALWAYS": "always immer stets toujours siempre sempre altijd alltid zawsze всегда دائما हमेशा",
    "LEAST": "least minimum minimal mindestens minimale minimaler minimaux mínimo minimo",
    "MOST": "most maximum maximal höchstens maximale maximaler maximaux máximo massimo",
    "FIRST": "first zuerst erste erster ersten premier première primero primera primo",
    "LAST": "last zuletzt letzte letzter letzten dernier dernière último última ultimo ultima",
    "ABOVE": "above over oberhalb über",
    "BELOW": "below under beneath unterhalb unter",
}

_KIND_OF = {word: kind for kind, words in _KINDS.items() for word in words.split()}

_WITHOUT_SPACES = {
    NOT: re.compile(r"不|没|沒|無|无|未|勿|禁止|ない|ません|なし|ไม่|ห้าม|않|못하|못한|없|금지|안 되|안 됩|안 돼"),
    "EXCEPT": re.compile(r"除了|以外|除く|ยกเว้น|제외|외에"),
    "ONLY": re.compile(r"只|仅|僅|だけ|のみ|เท่านั้น|오직|(?<=[가-힣])만(?=[\s.,?])"),
    "BEFORE": re.compile(r"之前|以前|前に|ก่อน|(?<=[가-힣\s])전에"),
    "AFTER": re.compile(r"之后|之後|以后|以後|後に|หลัง|(?<=[가-힣\s])후에"),
    "MORE": re.compile(r"超过|超過|以上|มากกว่า|이상|초과"),
    "LESS": re.compile(r"低于|低於|不到|以下|未満|น้อยกว่า|이하|미만"),
}

OPPOSITE_KINDS = {
    kind: opposite
    for pair in ("BEFORE AFTER", "MORE LESS", "LEAST MOST", "FIRST LAST", "ABOVE BELOW", "ALWAYS NOT")
    for kind, opposite in (pair.split(), reversed(pair.split()))
}

_OPPOSITES = """
    open closed, opened closed, open close, opening closing, left right, upper lower, top bottom, hot cold, warm cold,
    high low, higher lower, highest lowest, large small, larger smaller, largest smallest, maximum minimum,
    increase decrease, increases decreases, increased decreased, rise fall, rises falls, gain lose, start stop,
    started stopped, start end, begin end, enable disable, enabled disabled, allow forbid, allowed forbidden,
    allowed prohibited, permitted prohibited, permitted forbidden, inside outside, indoor outdoor, indoors outdoors,
    day night, summer winter, north south, east west, wet dry, import export, upload download, add remove,
    install uninstall, connect disconnect, lock unlock, locked unlocked, input output, inlet outlet, internal external,
    positive negative, oxygenated deoxygenated, old new, fast slow, faster slower, early late, earlier later,
    strong weak, stronger weaker, front back, male female, buy sell, push pull, entry exit, arrival departure,
    male female, light dark, morning evening, weekday weekend, weekdays weekends, first last, safe dangerous,
    links rechts, oben unten, auf zu, offen geschlossen, geöffnet geschlossen, öffnen schließen, heiß kalt, warm kalt,
    hoch niedrig, groß klein, erlaubt verboten, gestattet verboten, innen außen, ein aus, tag nacht, sommer winter,
    ouvert fermé, gauche droite, haut bas, chaud froid, permis interdit, abierto cerrado, izquierda derecha,
    permitido prohibido, caliente frío, aperto chiuso, sinistra destra, permesso vietato
"""

OPPOSITES = frozenset(
    (first, second) for pair in _OPPOSITES.split(",") for first, second in (pair.split(), tuple(reversed(pair.split())))
)
"""Pairs of words that are close in meaning, and opposite: the word vectors take them for synonyms."""


def kind_of(word: str) -> str | None:
    """The kind of the turning word `word`, in lower case; None if it is another word."""
    return _KIND_OF.get(word)


def kinds_in_scripts_without_spaces(text: str) -> Iterator[str]:
    """The kinds of turning words in Chinese, Japanese, Thai and Korean text."""
    return (kind for kind, pattern in _WITHOUT_SPACES.items() if pattern.search(text))
