"""Formats as regular expressions. A format that is not listed is an annotation, as the specification says.

Each entry is one or more patterns that must all match. Where a standard allows more than a regular expression can say
(internationalised names, nesting), the pattern is a subset: what is generated is always valid.
"""

from __future__ import annotations

_MONTH_31 = r"(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])"
_MONTH_30 = r"(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
_FEBRUARY = r"02-(?:0[1-9]|1\d|2[0-8])"
_LEAP_YEAR = r"(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DATE = rf"(?:\d{{4}}-(?:{_MONTH_31}|{_MONTH_30}|{_FEBRUARY})|{_LEAP_YEAR}-02-29)"


_TIME_PLAIN = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[zZ]|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
_TIME = rf"(?:{_TIME_PLAIN}|23:59:60(?:\.\d+)?(?:[zZ]|[+-]00:00))"

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_H16 = "[0-9A-Fa-f]{1,4}"
_LS32 = rf"(?:{_H16}:{_H16}|{_IPV4})"
_IPV6 = "(?:" + "|".join(
    [rf"(?:{_H16}:){{6}}{_LS32}", rf"::(?:{_H16}:){{5}}{_LS32}"]
    + [rf"(?:{_H16}(?::{_H16}){{0,{n}}})?::{rf'(?:{_H16}:){{{4 - n}}}' if n < 4 else ''}{_LS32}" for n in range(5)]
    + [rf"(?:{_H16}(?::{_H16}){{0,5}})?::{_H16}", rf"(?:{_H16}(?::{_H16}){{0,6}})?::"]
) + ")"  # fmt: skip

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_QUOTED = r'"(?:[ !#-\[\]-~]|\\[ -~])*"'
_EMAIL_LOCAL = rf"(?:{_ATEXT}+(?:\.{_ATEXT}+)*|{_QUOTED})"
_EMAIL = rf"{_EMAIL_LOCAL}@(?:{_HOST}|\[(?:{_IPV4}|IPv6:{_IPV6})\])"

_PCT = "%[0-9A-Fa-f]{2}"
_UNRESERVED = r"A-Za-z0-9._~-"
_SUB = r"!$&'()*+,;="


def _uri(extra: str) -> tuple[str, str]:
    """(absolute URI, relative reference) of RFC 3986; `extra` are further characters, as RFC 3987 has them."""
    pchar = rf"(?:[{extra}{_SUB}:@{_UNRESERVED}]|{_PCT})"
    segment_no_colon = rf"(?:[{extra}{_SUB}@{_UNRESERVED}]|{_PCT})+"
    reg_name = rf"(?:[{extra}{_SUB}{_UNRESERVED}]|{_PCT})*"
    userinfo = rf"(?:[{extra}{_SUB}:{_UNRESERVED}]|{_PCT})*"
    future = rf"[vV][0-9A-Fa-f]+\.[{_SUB}:{_UNRESERVED}]+"
    authority = rf"(?:{userinfo}@)?(?:\[(?:{_IPV6}|{future})\]|{reg_name})(?::\d*)?"
    tail = rf"(?:\?(?:{pchar}|[/?])*)?(?:#(?:{pchar}|[/?])*)?"
    slashes = rf"(?:/{pchar}*)*"
    rooted = rf"/(?:{pchar}+{slashes})?"
    absolute = rf"[A-Za-z][A-Za-z0-9+.-]*:(?://{authority}{slashes}|{rooted}|{pchar}+{slashes}|){tail}"
    relative = rf"(?://{authority}{slashes}|{rooted}|{segment_no_colon}{slashes}|){tail}"
    return absolute, relative


_URI, _RELATIVE = _uri("")
_UCS = "\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef\U00010000-\U0001fffd\U00020000-\U0002fffd\U00030000-\U0003fffd"
_IRI, _IRELATIVE = _uri(_UCS)

_WEEKS = r"P\d+W"
_DAY_TIME = r"T(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S)"
_YMD = r"(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)"
_DURATION = rf"(?:P(?:{_YMD}(?:{_DAY_TIME})?|{_DAY_TIME})|{_WEEKS})"

_POINTER = r"(?:/(?:[^~/]|~[01])*)*"
_VARSPEC = r"(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2})(?:\.?(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2}))*(?::[1-9]\d{0,3}|\*)?"
_TEMPLATE = (
    r"(?:[!#$&(-;=?-\[\]_a-z~\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef]|%[0-9A-Fa-f]{2}"
    rf"|\{{[+#./;?&=,!@|]?{_VARSPEC}(?:,{_VARSPEC})*\}})*"
)


def _regex(depth: int) -> str:
    """Regular expressions with groups nested so deep, without look-around and back references."""
    escape = r"\\[dDwWsSfnrtv.*+?^$(){}|\[\]\\/]"
    item = rf"(?:a-z|A-Z|0-9|a-f|A-F|1-9|[^\\\[\]^\n\r&~|-]|{escape})"
    atom = rf"[^\\\[\](){{}}*+?|^$\n\r]|{escape}|\[\^?{item}+-?\]"
    if depth:
        atom += rf"|\((?:\?:)?{_regex(depth - 1)}\)"
    piece = rf"(?:(?:{atom})(?:(?:[*+?]|\{{\d{{1,3}},?\}}|\{{[01],[1-9]\d{{0,2}}\}})\??)?|[$^]|\\[bB])"
    return rf"(?:{piece}*(?:\|{piece}*)*)"


_REGEX = _regex(2)


def _host_name(label: int, labels: int) -> str:
    """Up to so many labels of up to so many characters; "--" at the third place is left out, see below."""
    inner = rf"[A-Za-z0-9][A-Za-z0-9-](?:[A-Za-z0-9][A-Za-z0-9-]|-[A-Za-z0-9])[A-Za-z0-9-]{{0,{label - 5}}}[A-Za-z0-9]"
    short = r"[A-Za-z0-9](?:[A-Za-z0-9-]?[A-Za-z0-9])?|[A-Za-z0-9][A-Za-z0-9-](?:[A-Za-z0-9]|-)[A-Za-z0-9]"
    one = f"(?:{short}|{inner})"
    return rf"{one}(?:\.{one}){{0,{labels - 1}}}"


# At most 253 characters in all: few long labels or many short ones, which takes 400 states; all of them take 16,000.
# An internationalised label (xn--...) must decode to a valid name, which no regular expression can check.
_HOST_NAME = f"(?:{_host_name(63, 3)}|{_host_name(20, 12)})"

FORMATS: dict[str, tuple[str, ...]] = {
    "date": (f"^{_DATE}$",),
    "time": (f"^{_TIME}$",),
    "date-time": (f"^{_DATE}[tT]{_TIME}$",),
    "duration": (f"^{_DURATION}$",),
    "email": (f"^{_EMAIL}$",),
    "idn-email": (f"^{_EMAIL}$",),
    "hostname": (f"^{_HOST_NAME}$",),
    "idn-hostname": (f"^{_HOST_NAME}$",),
    "ipv4": (f"^{_IPV4}$",),
    "ipv6": (f"^{_IPV6}$",),
    "uuid": (r"^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$",),
    "uri": (f"^{_URI}$",),
    "uri-reference": (f"^(?:{_URI}|{_RELATIVE})$",),
    "iri": (f"^{_IRI}$",),
    "iri-reference": (f"^(?:{_IRI}|{_IRELATIVE})$",),
    "uri-template": (f"^{_TEMPLATE}$",),
    "json-pointer": (f"^{_POINTER}$",),
    "relative-json-pointer": (rf"^(?:0|[1-9]\d*)(?:#|{_POINTER})$",),
    "regex": (f"^{_REGEX}$",),
}

# Smaller subsets, for strings that also have a length: the core multiplies their states by the length.
_SHORT_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
_SHORT_PCHAR = rf"[{_SUB}:@{_UNRESERVED}]"
_SHORT_TAIL = rf"(?:\?[/?{_SUB}:@{_UNRESERVED}]*)?(?:#[/?{_SUB}:@{_UNRESERVED}]*)?"
_SHORT_URI = (
    rf"[A-Za-z][A-Za-z0-9+.-]*:(?://[{_SUB}{_UNRESERVED}]*(?::\d*)?(?:/{_SHORT_PCHAR}*)*|/?{_SHORT_PCHAR}+(?:/{_SHORT_PCHAR}*)*)"
    + _SHORT_TAIL
)
SHORT_FORMATS: dict[str, tuple[str, ...]] = {
    "email": (rf"^{_ATEXT}+(?:\.{_ATEXT}+)*@{_SHORT_HOST}$",),
    "idn-email": (rf"^{_ATEXT}+(?:\.{_ATEXT}+)*@{_SHORT_HOST}$",),
    "uri": (f"^{_SHORT_URI}$",),
    "iri": (f"^{_SHORT_URI}$",),
    "uri-reference": (rf"^(?:{_SHORT_URI}|(?:[{_SUB}@{_UNRESERVED}]+|)(?:/{_SHORT_PCHAR}+)*{_SHORT_TAIL})$",),
    "iri-reference": (rf"^(?:{_SHORT_URI}|(?:[{_SUB}@{_UNRESERVED}]+|)(?:/{_SHORT_PCHAR}+)*{_SHORT_TAIL})$",),
}

# Formats whose pattern is all of the language, so that its complement is right too.
EXACT = frozenset(
    {"date", "duration", "ipv4", "ipv6", "uuid", "uri", "uri-reference", "json-pointer", "relative-json-pointer"}
)
