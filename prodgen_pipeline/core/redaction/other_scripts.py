"""Names of persons in Greek and Cyrillic letters, and in scripts without capitals: Hebrew, Arabic, Han, Kana, Hangul.

Belongs here: what their lists of names and the words beside a name prove. Does not: names in Latin letters (`persons`),
Latin names with letters of other alphabets in them (`folding` makes those plain).

Greek and Cyrillic names are declined, so they are compared without their endings. A given name counts with the
capitalised word behind it, alone where no word of the language is spelled so; a family's name counts beside initials, a
given name or a title. Without capitals a name counts where both of its words are listed, after a title or a label such
as `姓名：`, or before a word such as `さん`. Nothing here reads a text that has only Latin letters.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from prodgen_pipeline.core.models import EntitySpan
from prodgen_pipeline.core.redaction.capitals import Word
from prodgen_pipeline.core.redaction.lexicon import names_in_other_scripts, plain

RULE = "NameInOtherScript"

_OTHER = re.compile(r"[\u0370-\u06d3\u30a1-\ud7a3]")
_GREEK_OR_CYRILLIC = re.compile(r"[\u0370-\u052f]")
_SEMITIC = re.compile(r"[\u05d0-\u05ea\u0621-\u06d3]")
_EAST_ASIAN = re.compile(r"[\u30a1-\u30fc\u4e00-\u9fff\uac00-\ud7a3]")

# Endings of declined names, plain: without accents, й as и, final ς as it is.
_ENDING = re.compile(
    r"(?:ами|ями|ого|ему|ому|ыми|ими|ови|еви|ои|еи|ом|ем|єм|ым|им|ою|ею|ии|ия|ию|ая|ую|а|я|у|ю|е|и|ы|ь|о|і|ї"
    r"|ους|ος|ου|ον|ης|ας|ες|ις|ων|α|η|ο|ι|ε|υ|ω)$"
)
_VOWEL = re.compile(r"[аяуюеиыьоіїςαηοιευω]$")
_PATRONYMIC = re.compile(r"(?:ович|евич|иович|ьич|овн|евн|ичн|івн)(?:а|у|ом|ем|е|ы|и|і|ою|ои)?$")
_FAMILY = re.compile(
    r"(?:[оеє]в|ин|ын|ін)(?:а|у|ым|им|е|ои|ы)?$|(?:ск|цк|ськ|цьк)(?:ии|іи|ого|ому|им|ая|ую|ои|и|а)$"
    r"|(?:енк|чук|щук|ник|ян|ич|дзе|швили)(?:о|а|у|ом|ем|е)?$"
    r"|(?:οπουλ|ιδ|αδ|ακ|ατζ|ελλ|ουδ|ιωτ|ογλ)(?:ος|ου|ης|η|ας|α|ε|ο)$|(?:ιου|ογλου|εας)$"
)
_TITLES = frozenset(
    "господин господина господину господином госпожа госпожу госпоже госпожи г-н г-на г-ну г-жа г-жу г-же товарищ "
    "доктор доктора доктору профессор профессора профессору директор адвокат пан пана пану пані панові пациент "
    "професор δρ κ κα κυριος κυριο κυριου κυριε κυρια κυριας καθηγητης καθηγητη καθηγητρια δικηγορος διευθυντρια "
    "διευθυντης γιατρος".split()
)
#: Given names that are words of the language as well, and cities.
_WORDS = frozenset(
    "вера надежда любовь слава мир лев роза злата воля рада зора камен пролет сила весна роман владимир софия "
    "маия ден δημος ερμης ερμου σταυρος παρασκευη κυριακη ειρηνη ελπιδα σοφια χαρα αγαπη δοξα νικη ζωη αυγη "
    "πηγη ανθη αρης ηρα αθηνα ανατολη ρεα χαρις θεα".split()
)
_TITLED = re.compile(r"(?i)(?<!\w)([^\W\d_]+(?:-[^\W\d_]+)?)\.? $")

# Hebrew and Arabic words, with the marks that shorten one.
_TOKEN = re.compile(r"[\u05d0-\u05ea]+(?:[\"'״׳][\u05d0-\u05ea]*)?|د\.|[\u0621-\u065f\u066e-\u06d3]+")
_SEMITIC_TITLES = frozenset(
    "מר גב' גברת אדון ד\"ר דר' פרופ' פרופסור עו\"ד הרב "
    "السيد السيده الدكتور الدكتوره د. الاستاذ الاستاذه المهندس المهندسه الشيخ الانسه".split()
)
_LINKS = frozenset("بن ابن ال عبد ابو ام".split())
_PREFIX = {"hebrew": "ולבשמהכ", "arabic": "ولبف"}
#: Spelled like names where letters are written for each other.
_PREPOSITIONS = frozenset({"على", "إلى"})
_NISBA = re.compile(r"ال\w{3,}ي$")

#: Family names that most Chinese and their descendants have, in both forms of the characters.
_HAN_FAMILIES = (
    "王李张張刘劉陈陳杨楊黄黃赵趙吴吳周徐孙孫马馬朱胡郭何高林罗羅郑鄭梁谢謝宋唐许許韩韓冯馮邓鄧曹彭曾肖蕭田董袁潘"
    "于蒋蔣蔡余杜叶葉程苏蘇魏吕呂丁任沈姚卢盧姜崔钟鐘谭譚陆陸汪范金石廖贾賈夏韦韋方邹鄒孟熊秦邱江尹薛段雷侯龙龍"
    "史陶黎贺賀顾顧毛郝龚龔邵万萬钱錢严嚴覃武戴莫孔汤湯"
)
_HAN = r"[\u4e00-\u9fff]"
_ASIAN_TITLES = (
    r"先生|女士|小姐|教授|博士|医生|醫生|老师|老師|经理|經理|同学|律师|律師|"
    r"总裁|太太|さん|様|氏|君|ちゃん|部長|課長|社長"
)
_KOREAN_TITLES = r"씨|님|선생님|교수|박사|대표|과장|부장|사장|변호사|기자|의사"
_LABELS = r"(?:姓名|联系人|聯絡人|氏名|担当者|名前|이름|성명|담당자)\s?[:：]\s?"
_PATIENTS = r"(?:病人|患者の?|患者さん|환자 ?|作者是|作者)"


def find_in_other_scripts(work: str, start: int, end: int, found_runs: Sequence[list[Word]]) -> Iterator[EntitySpan]:
    """The persons named in other scripts in `work[start:end]`; `found_runs` are the runs of capitalised words there."""
    if work[start:end].isascii() or not _OTHER.search(work, start, end):
        return
    if _GREEK_OR_CYRILLIC.search(work, start, end):
        for run in found_runs:
            yield from _in_run(work, [word for word in run if _GREEK_OR_CYRILLIC.match(word.text)])
    if _SEMITIC.search(work, start, end):
        yield from _semitic(work, start, end)
    if _EAST_ASIAN.search(work, start, end):
        for pattern, score in _east_asian():
            for match in pattern.finditer(work, start, end):
                yield _person(match.start("name"), match.end("name"), score)


def _in_run(work: str, run: Sequence[Word]) -> Iterator[EntitySpan]:
    """The persons in a run of Greek or Cyrillic words."""
    position = 0
    before = _TITLED.search(work[max(0, run[0].start - 24) : run[0].start]) if run else None
    titled = before is not None and plain(before[1]) in _TITLES
    while position < len(run):
        word = run[position]
        if word.plain in _TITLES:
            titled, position = True, position + 1
            continue
        length, score = _name_at(run[position : position + 4], titled=titled)
        if length:
            yield _person(word.start, run[position + length - 1].end, score)
        titled, position = False, position + max(length, 1)


def _name_at(words: Sequence[Word], *, titled: bool) -> tuple[int, float]:
    """How many of the words from the first on are one name, and how sure that is."""
    first, rest = words[0], words[1:]
    n_initials = next((number for number, word in enumerate(words) if not _is_initial(word)), len(words))
    if n_initials:
        is_name = n_initials < len(words) and _is_family(words[n_initials].plain)
        return (n_initials + 1, 0.7) if is_name else (0, 0.0)
    initials_behind = next((number for number, word in enumerate(rest) if not _is_initial(word)), len(rest))
    if len(first.text) < 2:
        return 0, 0.0
    if initials_behind and _is_family(first.plain):
        return 1 + initials_behind, 0.7
    if _is_given(first.plain) and rest and not first.is_shouted:
        full = 1 + sum(1 for word in rest[:1] if _PATRONYMIC.search(word.plain))
        if full < len(words) and len(words[full].text) > 2:
            sure = _is_family(words[full].plain)
            # A word of the language that opens a sentence needs a family's name behind it.
            return (full + 1, 0.85 if sure else 0.6) if sure or first.plain not in _WORDS else (0, 0.0)
        return (full, 0.7) if full > 1 else _alone(first, titled=titled)
    if _is_family(first.plain) and rest and _is_given(rest[0].plain):
        return 2 + (len(rest) > 1 and _PATRONYMIC.search(rest[1].plain) is not None), 0.6
    if titled:
        return min(1 + (bool(rest) and len(rest[0].text) > 2), len(words)), 0.8
    return _alone(first, titled=False)


def _alone(word: Word, *, titled: bool) -> tuple[int, float]:
    if titled:
        return 1, 0.8
    exact = "f" in names_in_other_scripts().get(word.plain, "")
    is_name = len(word.text) > 3 and word.plain not in _WORDS and not word.is_shouted
    return (1, 0.55) if is_name and (exact or (not word.opens and _is_given(word.plain))) else (0, 0.0)


def _is_initial(word: Word) -> bool:
    return word.is_initial and word.text.endswith(".")


def _stems(word: str) -> set[str]:
    """What may be left of a word without its ending, which of two possible ones is not known."""
    stems = {_ENDING.sub("", word), word[:-1] if _VOWEL.search(word) else word}
    return {stem for stem in stems if len(stem) > 2} or {word}


def _is_given(word: str) -> bool:
    return not _stems(word).isdisjoint(_known("f"))


def _is_family(word: str) -> bool:
    return len(word) > 3 and (_FAMILY.search(word) is not None or not _stems(word).isdisjoint(_known("l")))


@lru_cache(maxsize=2)
def _known(flag: str) -> frozenset[str]:
    """The stems of the listed names of a kind."""
    names = names_in_other_scripts().items()
    listed = (name for name, flags in names if flag in flags and _GREEK_OR_CYRILLIC.match(name))
    return frozenset(stem for name in listed for stem in _stems(name))


def _semitic(work: str, start: int, end: int) -> Iterator[EntitySpan]:
    """Names in Hebrew and Arabic: listed words one behind the other, and what follows a title."""
    tokens = list(_TOKEN.finditer(work, start, end))
    position = 0
    while position < len(tokens):
        is_titled = position > 0 and _semitic_plain(tokens[position - 1].group()) in _SEMITIC_TITLES
        first, last = _semitic_name(work, tokens, position, is_titled=is_titled)
        if last:
            yield _person(first, tokens[last - 1].end(), 0.8 if is_titled else 0.6)
        position = max(last, position + 1)


def _semitic_name(work: str, tokens: Sequence[re.Match[str]], position: int, *, is_titled: bool) -> tuple[int, int]:
    """Where the name that begins with a token starts, and the number of the token after it; 0 for no name."""
    token = tokens[position]
    n_prefix = 0 if is_titled else _given_after(_semitic_plain(token.group()))
    if n_prefix is None:
        return 0, 0
    last = position + 1
    is_given = _given_after(_semitic_plain(token.group())) is not None
    while is_given and last < min(len(tokens), position + 4) and _adjoin(work, tokens[last - 1], tokens[last]):
        following = _semitic_plain(tokens[last].group())
        if tokens[last].group() in _PREPOSITIONS:
            break
        is_link = following in _LINKS and last + 1 < len(tokens) and _adjoin(work, tokens[last], tokens[last + 1])
        if is_link:
            last += 2
        elif names_in_other_scripts().get(following) or _NISBA.match(following):
            last += 1
        else:
            break
    is_name = last > position + 1 or (is_titled and len(token.group()) > 1)
    return (token.start() + n_prefix, last) if is_name else (0, 0)


def _given_after(word: str) -> int | None:
    """The letters of a preposition before a listed given name, 0 for none; None for no given name."""
    names = names_in_other_scripts()
    if "f" in names.get(word, "") or word in ("عبد", "ابو"):
        return 0
    prefixes = _PREFIX["hebrew" if "\u05d0" <= word[0] <= "\u05ea" else "arabic"]
    return 1 if word[0] in prefixes and len(word) > 3 and "f" in names.get(word[1:], "") else None


def _adjoin(work: str, one: re.Match[str], other: re.Match[str]) -> bool:
    return work[one.end() : other.start()] == " "


@lru_cache(maxsize=20_000)
def _semitic_plain(word: str) -> str:
    return plain(word).translate(_SAME_LETTERS)


#: Letters that are written for each other.
_SAME_LETTERS = str.maketrans({"ى": "ي", "ة": "ه", "״": '"', "׳": "'"})


@lru_cache(maxsize=1)
def _east_asian() -> tuple[tuple[re.Pattern[str], float], ...]:
    """Patterns with the name in a group, and how sure each is."""
    names = names_in_other_scripts().items()
    given = {name for name, flags in names if "f" in flags}
    families = {name for name, flags in names if "l" in flags}
    han = rf"[{_HAN_FAMILIES}]|{_any_of(name for name in families if re.fullmatch(f'{_HAN}{{2,3}}', name))}"
    han_given = _any_of(name for name in given if re.fullmatch(f"{_HAN}{{2,3}}", name))
    korean = "".join(name for name in families if re.fullmatch("[가-힣]", name))
    korean_given = _any_of(name for name in given if re.fullmatch("[가-힣]{2}", name))
    korean_name = rf"(?<![가-힣])(?P<name>[{korean}][가-힣]{{2}})"
    return (
        (re.compile(rf"(?P<name>(?:{han}){_HAN}{{0,2}}?)(?={_ASIAN_TITLES})"), 0.8),
        (re.compile(r"(?P<name>[ァ-ヴー]{2,8})(?=さん|様|氏)"), 0.6),
        (re.compile(rf"{_LABELS}(?P<name>(?:{han}){_HAN}{{1,3}}|[{korean}][가-힣]{{1,2}})(?!{_HAN}|[가-힣])"), 0.8),
        (re.compile(rf"{_PATIENTS}(?P<name>(?:{han}){_HAN}{{1,2}}|[{korean}][가-힣]{{2}})"), 0.6),
        (re.compile(rf"(?P<name>(?:{han})(?:{han_given}))"), 0.6),
        (re.compile(rf"{korean_name}(?=\s?(?:{_KOREAN_TITLES}))"), 0.8),
        (
            re.compile(rf"(?<![가-힣])(?P<name>[{korean}](?:{korean_given}))(?=[이가은는을를의와과도께]|[^가-힣]|$)"),
            0.6,
        ),
    )


def _any_of(names: Iterator[str]) -> str:
    return "|".join(sorted(names, key=lambda name: (-len(name), name)))


def _person(start: int, end: int, score: float) -> EntitySpan:
    return EntitySpan(start=start, end=end, label="PERSON", score=score, rule=RULE)
