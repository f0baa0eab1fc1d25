"""Names with joiners, U+200C (ZWNJ) and U+200D (ZWJ): no letter, but some scripts and emoji can't be written without.

Sources: Unicode's UAX #31, section 2.3, rules A1, A2 and B; its core specification, chapter 12, for a joiner before a
virama; UTS #51, definition ED-15a. The rules are over classes of characters, a letter for each.
"""

import re
import unicodedata

JOINERS = re.compile("[\u200c\u200d]")
# Of the Arabic script, as Persian, Urdu and Kurdish use it (Joining_Type in Unicode's ArabicShaping.txt, 15.1): letters
# that join the next one, and the letters among which those that join the one before are all but two.
JOINING = re.compile(
    "[\u0620\u0626\u0628\u062a-\u062e\u0633-\u063f\u0641-\u0647\u0649\u064a\u066e\u066f\u0678-\u0687\u069a-\u06bf"
    "\u06c1\u06c2\u06cc\u06ce\u06d0\u06d1\u06fa-\u06fc\u06ff\u0750-\u0758\u075c-\u076a\u076d-\u0770\u0772"
    "\u0775-\u0777\u077a-\u077f\u0886\u0889-\u088d\u08a0-\u08a9\u08af\u08b0\u08b3-\u08b8\u08ba-\u08c8]"
)
JOINED = re.compile("[\u0620\u0622-\u063f\u0641-\u0673\u0675-\u06ff\u0750-\u077f\u0870-\u08c8]")
EMOJI = re.compile("[\u2190-\u21ff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001f3fa\U0001f400-\U0001faff]")
SKIN = re.compile("[\U0001f3fb-\U0001f3ff]")

NEEDED = [
    r"(Jm*)n(?=m*[JR])",  # A1: it keeps two Arabic letters apart
    r"([JRL]m*vm*)n(?=m*[JRL])",  # A2: it keeps a virama in sight
    r"([JRL]m*vm*)z(?![mcv])",  # B: it makes a half form
    r"([JRL])z(?=v[JRL])",  # Bengali and Kannada: it keeps a RA whole
    r"(E[fs]?)z(?=E)",  # a family, a flag
]


def class_of(character):
    """The class of a CHARACTER, for the rules above; 'o' for any other."""
    kind = unicodedata.category(character)
    if character in "\u200c\u200d\ufe0f":
        return "nzf"["\u200c\u200d\ufe0f".index(character)]
    for found, letter in ((JOINING, "J"), (EMOJI, "E"), (SKIN, "s")):
        if found.match(character):
            return letter
    if kind.startswith("L"):
        return "R" if JOINED.match(character) else "L"
    return "v" if unicodedata.combining(character) == 9 else {"Mn": "m", "Mc": "c"}.get(kind, "o")


def without(text):
    """TEXT without its joiners, if each of them stands where it is needed; else as it is."""
    if not JOINERS.search(text):
        return text
    classes = "".join(map(class_of, text))
    for rule in NEEDED:
        classes = re.sub(rule, r"\1", classes)
    return text if "n" in classes or "z" in classes else JOINERS.sub("", text)
