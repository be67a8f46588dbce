"""What looks like a secret: neither a placeholder, nor a template, nor a word."""

from __future__ import annotations

import base64
import math
import re
from collections import Counter
from hashlib import sha256
from itertools import pairwise
from typing import Final

from wardstead.inspection.validators.checksums import Validator


def literal(match: bytes) -> bool:
    """Not a template, a look-up or a filler: ``${DB_PASSWORD}``, ``{{ secret }}``, ``os.environ``, ``<password>``, ``xxxx``."""
    if match.startswith((b"<", b"[")) or _TEMPLATE.search(match) is not None:
        return False
    return bool(match.lower().strip(b"x*.-_<>${}"))


def token(match: bytes) -> bool:
    """Not a documentation's stand-in: more than ``xxxx``, ``0000`` and words such as ``your-token-here`` is in it."""
    if _MASK.search(match) is not None or not literal(match):
        return False
    if not any(48 <= byte <= 57 for byte in match) and _is_wordlike(match, 8):
        return False
    rest = _FILLER.sub(b"", match)
    return len(rest) == len(match) or len(rest) >= max(8, len(match) * 2 // 5)


def random_looking(match: bytes) -> bool:
    """At least 2.9 bits of entropy a character, letters and digits: words, placeholders, paths and code have less."""
    value = _NEXT_FIELD.split(match.strip(b" \"'`"))[0]
    if len(value) < 8 or not token(value) or _CODE.search(value) is not None:
        return False
    counts = Counter(value)
    entropy = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    if entropy < 2.9 or not any(chr(byte).isalpha() for byte in value) or _is_sequence(value):
        return False
    if not any(48 <= byte <= 57 for byte in value):
        # A long key now and then has no digit; words then have other marks.
        return len(value) >= 16 and entropy >= 3.5 and value.lower() != value != value.upper() and not _is_wordlike(value)
    return not (any(byte in _SEPARATORS for byte in value) and _is_wordlike(value))


def random_mixed(match: bytes) -> bool:
    """Random-looking, with capitals and small letters: no hash in hexadecimal, no UUID."""
    if match.lower() == match or match.upper() == match or (match.isalnum() and _is_wordlike(match)):
        return False
    return random_looking(match)


def password(match: bytes) -> bool:
    """What stands as a literal where a password is expected: letters with digits or signs, and not the word itself."""
    value = match.rstrip(b"!?.,;:")
    if len(value) < 6 or not token(value) or len(_FILLER.sub(b"", value)) < 4 or _CODE.search(value) is not None:
        return False
    if not any(chr(byte).isalpha() for byte in value) or _is_sequence(value):
        return False
    if any(48 <= byte <= 57 or byte in b"!@#$%^&*+=~?" for byte in value):
        return not (any(byte in _SEPARATORS for byte in value) and _is_wordlike(value))
    return len(value) >= 12 and value.lower() != value != value.upper() and not _is_wordlike(value)


def spoken_password(match: bytes) -> bool:
    """A password between words of a sentence: it has a digit and a letter, and is no date, address or unit.

    Nor the beginning of a JSON Web Token, which has a pattern of its own, for the whole of it.
    """
    value = match.rstrip(b"!?.,;:")
    if value.startswith(b"eyJ") and b".eyJ" in value:
        return False
    letters = sum(chr(byte).isalpha() for byte in value)
    return letters >= 2 and letters < len(value) and any(48 <= byte <= 57 for byte in value) and password(value)


def chosen_password(match: bytes) -> bool:
    """What somebody chose, under a name that says so: letters and a digit, though words may be in it: ``BlueSky-1987``."""
    value = match.rstrip(b"?.,;:")
    if common_password(value):
        return True
    letters, digits = (sum(map(kind, map(chr, value))) for kind in (str.isalpha, str.isdigit))
    if len(value) < 5 or letters < 2 or not digits or not literal(value) or _MASK.search(value) or _CODE.search(value):
        return False
    if (
        _is_sequence(value)
        or len(_FILLER.sub(b"", value)) < 4
        or _STANDARD.match(value)
        or any(byte in b"(){}[]<>|" for byte in value)
    ):
        return False
    if b"\\x" in value or b"\\u" in value:
        return False
    parts = sum(byte in _SEPARATORS for byte in value)
    if not parts or not _is_wordlike(value):
        return True
    # Two words and a number: names have that, too, but then in small letters.
    return b"." not in value and digits > 1 and (parts == 1 or (parts == 2 and _TWO_WORDS.fullmatch(value) is not None))


def common_password(match: bytes) -> bool:
    """A word or a row of digits that people are known to choose, under a name that says that it is a password."""
    return match.lower() in _COMMON


def word_phrase(match: bytes) -> bool:
    """A passphrase of plain words: none of those that a sentence about passphrases could not do without, and none twice."""
    words = match.lower().replace(b"-", b" ").split()
    return len(set(words)) == len(words) and not _OF_SENTENCES.intersection(words)


def url_password(match: bytes) -> bool:
    """A password, or ``user:password``, that is neither a template nor a manual's ``user:pass`` or ``scott:tiger``."""
    secret = match.partition(b":")[2] or match
    return (
        secret != b"tiger"
        and literal(secret)
        and _MASK.search(secret) is None
        and len(secret) > 2
        and bool(_FILLER.sub(b"", secret).strip(b"._-12"))
    )


def base58_check(match: bytes) -> bool:
    """The last four bytes are a checksum of the others (Bitcoin wiki, "Base58Check encoding")."""
    number = 0
    for byte in match:
        number = number * 58 + _BASE58.index(byte)
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return sha256(sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]


def basic_credentials(match: bytes) -> bool:
    """Base64 of ``user:password`` (RFC 7617 section 2)."""
    try:
        plain = base64.b64decode(match.rstrip(b"=") + b"=" * (-len(match.rstrip(b"=")) % 4), validate=True)
    except ValueError:
        return False
    user, colon, secret = plain.partition(b":")
    return bool(colon and len(user) + len(secret) > 2 and all(32 <= byte < 127 for byte in plain))


def undocumented(validator: Validator, documented: re.Pattern[bytes]) -> Validator:
    """The same, for what is more than a key that a manual prints for everybody."""

    def is_real(match: bytes) -> int:
        real = validator(match)
        value = _NEXT_FIELD.split(match[:real])[0] if real else b""
        found = documented.search(value)
        return 0 if found is not None and len(value) - len(found[0]) < _LEAST_MORE else real

    return is_real


_LEAST_MORE: Final = 8
"""With fewer characters around it, an example is still one."""
_STANDARD: Final = re.compile(
    rb"(?i)(?:sha|md|utf|base|iso|rsa|aes|http|ipv|tls|ssl|bcrypt|argon|pbkdf|v|min|max|len|argv?)[-_:=/]?\d"
)
_COMMON: Final = frozenset(
    b"12345678 123456789 1234567890 87654321 11223344 00112233 11111111 00000000 qwerty qwertyuiop qwertz azerty asdfgh asdfghjkl"
    b" zxcvbnm zxcvbn iloveyou letmein sunshine princess dragon dragonfly monkey football baseball basketball superman batman"
    b" spiderman pokemon starwars trustno1 welcome1 passw0rd p@ssw0rd p@ssword pa$$word p4ssw0rd master123 michael"
    b" jennifer jordan23 hunter2 opensesame blueberry strawberry butterfly chocolate cheese pepper ginger flower"
    b" lovely loveme fuckyou freedom mustang corvette ferrari mercedes harley yankees liverpool"
    b" chelsea arsenal barcelona realmadrid juventus abc12345 1q2w3e4r q1w2e3r4 zaq12wsx 1qaz2wsx qazwsx hallo123"
    b" schatzi soleil doudou teamo tequiero senha123 hejsan sommar winter summer autumn rainbow"
    b" diamond thunder phoenix nirvana metallica killer ninja samsung iceman snoopy garfield tigger scooter".split()
)
"""What lists of leaked passwords have in common; not what manuals write instead of one."""
_OF_SENTENCES: Final = frozenset(
    b"the and for not are was were has have had will would can could may must should shall that this these those with"
    b" without from into onto your you our their his her its him them they who what when where which while how why than"
    b" then there here does did been being used uses use using set sets stored store file files given enter type typed"
    b" choose need needs needed required optional but only also any all each both some none empty missing wrong invalid"
    b" incorrect match matches change changed reset forgotten expired long short strong weak least most more less"
    b" characters letters words digits user username login password passwords passphrase passphrases phrase phrases"
    b" protected unlock encrypt decrypt key keys secret please sent same new old".split()
)
"""Words of sentences about passphrases."""
_NEXT_FIELD: Final = re.compile(rb"&[A-Za-z_]+=")
_BASE58: Final = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_TEMPLATE: Final = re.compile(
    rb"[$#%]\{|\$\(|\{\{|%\(|\A\{[0-9A-Za-z_]|\A\$[A-Za-z_]+\Z|environ|process\.env|getenv|ENV\[|ENC\["
    rb"|\A(?:env|arn|vault|op|sm):|secrets\.|vars?\.|(?i:redacted)"
)
_MASK: Final = re.compile(rb"[xX]{6}|\*{4}|\.{3}|#{4}|_{4}")
_FILLER: Final = re.compile(
    rb"(?i)(.)\1{4,}|your|change[-_]?(?:me|this|it)|replace(?:[-_]?(?:me|this|with))?|insert|placeholder|example|sample|dummy|fake"
    rb"|password|passwd|passphrase|secret|token|api|key|access|auth|client|user|pass|pwd|value|here|goes|string|some|test|"
    rb"foo|bar|admin|null|undefined|none|true|false|[-_ .]"
)
_CODE: Final = re.compile(
    rb"[(\[{]\Z|\A(?:\.{1,2}/|~/|[A-Za-z]:\x5c)|\A/(?:[^/]*[./-]|[^/]{0,23}\Z)|://|->|::|&&|=>"
    rb"|\A[A-Za-z_]+(?:\.[A-Za-z_]+)+\Z|\A[-+/=_.]{4}|\A#[0-9A-Za-z]{1,8}\b"
    rb"|\A(?:pk[_-]|sb_publishable_|phc_|age1|ssh-|AAAA[BC]3NzaC1|MII[BC]Ij|MFkw|Ag[A-D][0-9A-Za-z+/]{24})"
)
"""Also what begins like what is public or encrypted: public keys, certificates, sealed secrets of Kubernetes."""
_SEPARATORS: Final = b"._-:|"
_TWO_WORDS: Final = re.compile(rb"[A-Z][a-z]+([-_])[A-Z][a-z]+\1[0-9]{2,8}")
_WORD: Final = re.compile(rb"[A-Z][a-z]{2,}|[a-z]{3,}|[A-Z]{4,}")
_CONSONANTS: Final = re.compile(rb"(?i)[bcdfghjklmnpqrstvwxz]{5}")


def _is_wordlike(value: bytes, tenths: int = 6) -> bool:
    """Whether most letters, so many tenths, are in runs that could be spoken: ``settings.api_key_v2``, not ``gT5kQz81``."""
    spoken = sum(
        len(run)
        for run in _WORD.findall(value)
        if _CONSONANTS.search(run) is None and 5 * sum(byte in b"aeiouyAEIOUY" for byte in run) >= len(run)
    )
    letters = sum(chr(byte).isalpha() for byte in value)
    return spoken * 10 >= tenths * letters and spoken * 10 >= 4 * len(value)


def _is_sequence(value: bytes) -> bool:
    """Whether most characters are the next one of the alphabet: ``abcdef123456``."""
    return 2 * sum(right - left == 1 for left, right in pairwise(value)) > len(value)
