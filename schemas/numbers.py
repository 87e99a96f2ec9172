r"""Numbers: bounds and divisors -> regular expressions over decimal digits.

    minimum 5, integer           [5-9]|[1-9][0-9]+
    exclusiveMinimum 0, number   0\.[0-9]*[1-9][0-9]*|[1-9][0-9]*(?:\.[0-9]+)?
    multipleOf 0.01              -?(?:0|[1-9][0-9]*)(?:\.[0-9]{1,2}0*)?

Integers are written without a fraction (JSON Schema also counts 1.0 as an integer; we do not write it so). With bounds
or divisors numbers are plain decimals without an exponent, and zero has no sign. A divisor that is no power of ten is a
count of residues, one nonterminal each.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from math import lcm

from weft.grammar.grammar import Alt, And, Expression, Literal, Pattern, Ref, Seq
from weft.schemas.schema import FRACTION, INTEGER, Number

INTEGER_TEXT = "-?(?:0|[1-9][0-9]*)"
INTEGER_PATTERN = Pattern(INTEGER_TEXT)
NUMBER_PATTERN = Pattern(INTEGER_TEXT + r"(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
FRACTION_PATTERN = Pattern(INTEGER_TEXT + r"\.[0-9]*[1-9][0-9]*")
MAX_DIGITS = 400


def is_multiple(value: Fraction, of: Fraction) -> bool:
    return (value / of).denominator == 1


def admits(shape: Number, value: Fraction) -> bool:
    """Whether a value keeps these facts."""
    if shape.low is not None and (value <= shape.low if shape.low_open else value < shape.low):
        return False
    if shape.high is not None and (value >= shape.high if shape.high_open else value > shape.high):
        return False
    return all(is_multiple(value, m) for m in shape.multiples) and not any(
        is_multiple(value, m) for m in shape.non_multiples
    )


def merge(facts: list[Number]) -> Number:
    """All of them at once."""
    if len(facts) == 1:
        return facts[0]
    low, low_open, high, high_open = None, False, None, False
    multiples: dict[Fraction, None] = {}
    non_multiples: dict[Fraction, None] = {}
    for fact in facts:
        if fact.low is not None and (low is None or (fact.low, fact.low_open) > (low, low_open)):
            low, low_open = fact.low, fact.low_open
        if fact.high is not None and (high is None or (fact.high, not fact.high_open) < (high, not high_open)):
            high, high_open = fact.high, fact.high_open
        multiples.update(dict.fromkeys(fact.multiples))
        non_multiples.update(dict.fromkeys(fact.non_multiples))
    return Number(low, low_open, high, high_open, tuple(multiples), tuple(non_multiples))


def is_empty(kind: int, shape: Number) -> bool:
    """Surely empty; a divisor may still leave nothing between the bounds."""
    low, high = shape.low, shape.high
    if low is not None and high is not None:
        if low > high or (low == high and (shape.low_open or shape.high_open)):
            return True
        if low == high:
            whole = low.denominator == 1
            if (kind == INTEGER and not whole) or (kind == FRACTION and whole) or not admits(shape, low):
                return True
        if kind == INTEGER:
            return _integer_bounds(shape)[0] > _integer_bounds(shape)[1]  # type: ignore[operator]
    if kind == FRACTION and any(m.denominator == 1 for m in shape.multiples):
        return True
    if shape.multiples and shape.non_multiples:
        common = _common_multiple(shape.multiples)
        if any(is_multiple(common, m) for m in shape.non_multiples):
            return True
    return kind == INTEGER and any(m.numerator == 1 for m in shape.non_multiples)


def _integer_bounds(shape: Number) -> tuple[int | None, int | None]:
    low = high = None
    if shape.low is not None:
        low = -(-shape.low.numerator // shape.low.denominator)
        if shape.low_open and low == shape.low:
            low += 1
    if shape.high is not None:
        high = shape.high.numerator // shape.high.denominator
        if shape.high_open and high == shape.high:
            high -= 1
    return low, high


# --- ranges of digits -----------------------------------------------------------------------------------------------


def _digit(low: int, high: int) -> str:
    if low == high:
        return str(low)
    return f"[{low}-{high}]" if high > low + 1 else f"[{low}{high}]"


def _many(count: int) -> str:
    return "" if count == 0 else "[0-9]" if count == 1 else f"[0-9]{{{count}}}"


@lru_cache(maxsize=4096)
def natural_range(low: int, high: int | None) -> str:
    """Alternatives for the integers low..high, low >= 0, without leading zeros."""
    out: list[str] = []
    if high is None:
        if low == 0:
            return "0|[1-9][0-9]*"
        digits = len(str(low))
        out.append(natural_range(low, 10**digits - 1))
        out.append(f"[1-9][0-9]{{{digits},}}" if digits > 1 else "[1-9][0-9]+")
        return "|".join(out)
    if low == 0 and high > 0:
        out.append("0")
        low = 1
    while low <= high:
        digits = len(str(low))
        top = min(high, 10**digits - 1)
        _same_length(str(low), str(top), "", out)
        low = 10**digits
    return "|".join(out)


def _same_length(low: str, high: str, prefix: str, out: list[str]) -> None:
    """Iterative over the common part; at most two alternatives per digit after it."""
    index = 0
    while index < len(low) and low[index] == high[index]:
        index += 1
    prefix += low[:index]
    low, high = low[index:], high[index:]
    size = len(low)
    if size == 0:
        out.append(prefix)
        return
    first, last = int(low[0]), int(high[0])
    low_loose, high_loose = not low[1:].strip("0"), not high[1:].strip("9")
    if not low_loose:
        for at in range(size - 1, 0, -1):
            digit = int(low[at]) + (1 if at < size - 1 else 0)
            if at == size - 1 or digit <= 9:
                out.append(prefix + low[:at] + _digit(digit, 9) + _many(size - at - 1))
    middle_low, middle_high = first + (0 if low_loose else 1), last - (0 if high_loose else 1)
    if middle_low <= middle_high:
        out.append(prefix + _digit(middle_low, middle_high) + _many(size - 1))
    if not high_loose:
        for at in range(1, size):
            digit = int(high[at]) - (1 if at < size - 1 else 0)
            if at == size - 1 or digit >= 0:
                out.append(prefix + high[:at] + _digit(0, digit) + _many(size - at - 1))


@lru_cache(maxsize=2048)
def integer_range(low: int | None, high: int | None) -> str:
    """Alternatives for the integers low..high; None is without end."""
    out: list[str] = []
    if low is None or low < 0:
        most = None if low is None else -low
        least = 1 if high is None or high >= 0 else -high
        if most is None or least <= most:
            out.append(f"-(?:{natural_range(least, most)})")
    if high is None or high >= 0:
        least = 0 if low is None or low < 0 else low
        if high is None or least <= high:
            out.append(natural_range(least, high))
    return "|".join(out)


def _fraction_digits(value: Fraction) -> str:
    """The digits after the point, without trailing zeros; the value is a finite decimal in [0, 1)."""
    digits = []
    while value:
        value *= 10
        digits.append(str(int(value)))
        value -= int(value)
        if len(digits) > MAX_DIGITS:
            raise OverflowError("too many digits after the point")
    return "".join(digits)


@lru_cache(maxsize=2048)
def decimal_range(low: Fraction, low_open: bool, high: Fraction | None, high_open: bool) -> str:
    """Alternatives for the plain decimals between 0 <= low and high."""
    out: list[str] = []
    low_whole = low.numerator // low.denominator
    low_digits = _fraction_digits(low - low_whole)
    if high is None:
        _decimal_at(low_whole, low_digits, low_open, None, False, out)
        out.append(f"(?:{natural_range(low_whole + 1, None)})(?:\\.[0-9]+)?")
        return "|".join(out)
    high_whole = high.numerator // high.denominator
    high_digits = _fraction_digits(high - high_whole)
    if low_whole == high_whole:
        _decimal_at(low_whole, low_digits, low_open, high_digits, high_open, out)
    else:
        _decimal_at(low_whole, low_digits, low_open, None, False, out)
        if low_whole + 1 < high_whole:
            out.append(f"(?:{natural_range(low_whole + 1, high_whole - 1)})(?:\\.[0-9]+)?")
        _decimal_at(high_whole, None, False, high_digits, high_open, out)
    return "|".join(out)


def _decimal_at(whole: int, low: str | None, low_open: bool, high: str | None, high_open: bool, out: list[str]) -> None:
    """`whole`, and the fractions between low and high."""
    if low == "" and not low_open:
        low = None
    can_stop = low is None and not (high == "" and high_open)
    tail = _digits_between(low, low_open, high, high_open)
    if tail is None and not can_stop:
        return
    if tail is None:
        out.append(str(whole))
    elif can_stop:
        out.append(f"{whole}(?:\\.(?:{tail}))?")
    else:
        out.append(f"{whole}\\.(?:{tail})")


def _digits_between(low: str | None, low_open: bool, high: str | None, high_open: bool) -> str | None:
    """One or more digits d with low <= 0.d <= high (or <); None where there are none.

    One state per digit of a bound: the set of prefixes that are still equal to one bound or both.
    """
    out: list[str] = []

    def free(prefix: str, first: int, last: int) -> None:
        if first <= last:
            out.append(prefix + _digit(first, last) + "[0-9]*")

    at, low_tight, high_tight = 0, low is not None, high is not None
    if not low_tight and not high_tight:
        return "[0-9]+"
    # the common prefix of both bounds
    prefix = ""
    if low_tight and high_tight:
        assert low is not None and high is not None
        size = max(len(low), len(high))
        a, b = low.ljust(size, "0"), high.ljust(size, "0")
        while at < size and a[at] == b[at]:
            at += 1
        if at == size:  # the same number
            return None if low_open or high_open else (low or "0") + "0*" if low else "0+"
        prefix = a[:at]
        first, last = int(a[at]), int(b[at])
        if first > last:
            return None
        free(prefix, first + 1, last - 1)
        _above(prefix + a[at], a[at + 1 :].rstrip("0"), low_open, out)
        _below(prefix + b[at], b[at + 1 :].rstrip("0"), high_open, out)
        if at and not low.rstrip("0")[at:] and not low_open:
            # the bound itself written shorter: a prefix that already equals low
            for cut in range(max(len(low.rstrip("0")), 1), at + 1):
                out.append(prefix[:cut])
    elif low_tight:
        assert low is not None
        _above("", low, low_open, out)
    else:
        assert high is not None
        _below("", high, high_open, out)
    return "|".join(dict.fromkeys(out)) or None


def _above(prefix: str, low: str, low_open: bool, out: list[str]) -> None:
    """prefix + digits that are >= low (> if open), where prefix itself is equal to the bound so far."""
    for at, digit in enumerate(low):
        if digit != "9":
            out.append(prefix + low[:at] + _digit(int(digit) + 1, 9) + "[0-9]*")
    rest = prefix + low
    out.append(rest + "[0-9]*[1-9][0-9]*" if low_open else (rest + "[0-9]*" if rest else "[0-9]+"))


def _below(prefix: str, high: str, high_open: bool, out: list[str]) -> None:
    """prefix + digits that are <= high (< if open)."""
    for at, digit in enumerate(high):
        before = prefix + high[:at]
        if before:
            out.append(before)
        if digit != "0":
            out.append(before + _digit(0, int(digit) - 1) + "[0-9]*")
    if not high_open:
        rest = prefix + high
        out.append(rest + "0*" if rest else "0+")


def range_pattern(shape: Number) -> str:
    """Alternatives for the plain decimals within the bounds."""
    low, high = shape.low, shape.high
    out: list[str] = []
    zero = Fraction(0)
    if low is None or low < 0:
        least, least_open = (zero, True) if high is None or high >= 0 else (-high, shape.high_open)
        negative = decimal_range(least, least_open, None if low is None else -low, low is not None and shape.low_open)
        if negative:
            out.append(f"-(?:{negative})")
    if high is None or high > 0 or (high == 0 and not shape.high_open):
        least, least_open = (zero, False) if low is None or low < 0 else (low, shape.low_open)
        positive = decimal_range(least, least_open, high, shape.high_open)
        if positive:
            out.append(positive)
    return "|".join(out)


# --- lowering -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=2048)
def _expression(kind: int, shape: Number) -> Expression | None:
    """The number as one expression, or None if it takes residues."""
    if shape.non_multiples:
        return None
    scale = 0
    if shape.multiples:
        step = _common_multiple(shape.multiples)
        if kind == INTEGER:
            step = Fraction(lcm(step.numerator, step.denominator) // step.denominator)
        numerator, digits = _scaled(step)
        trailing = 0
        while numerator % 10 == 0 and numerator:
            numerator //= 10
            trailing += 1
        if numerator != 1:
            return None
        scale = digits - trailing  # multiples of 10 ** -scale
        if scale <= 0 and kind == FRACTION:
            return Alt(())
    bounded = shape.low is not None or shape.high is not None
    parts: list[Expression] = []
    if kind == INTEGER or (shape.multiples and scale <= 0):
        if bounded:
            low, high = _integer_bounds(shape)
            text = integer_range(low, high)
            if not text:
                return Alt(())
            parts.append(Pattern(text))
        if shape.multiples and scale < 0:
            parts.append(Pattern(f"-?(?:0|[1-9][0-9]*0{{{-scale}}})"))
        if not parts:
            return INTEGER_PATTERN
    else:
        if bounded:
            text = range_pattern(shape)
            if not text:
                return Alt(())
            parts.append(Pattern(text))
        if shape.multiples:
            parts.append(Pattern(INTEGER_TEXT + rf"(?:\.[0-9]{{1,{scale}}}0*)?"))
        if kind == FRACTION:
            parts.append(FRACTION_PATTERN)
        if not parts:
            return NUMBER_PATTERN
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _common_multiple(of: tuple[Fraction, ...]) -> Fraction:
    denominator = lcm(*(m.denominator for m in of))
    return Fraction(lcm(*(m.numerator * (denominator // m.denominator) for m in of)), denominator)


def _scaled(step: Fraction) -> tuple[int, int]:
    """step = numerator * 10 ** -digits."""
    digits = 0
    while step.denominator != 1:
        step *= 10
        digits += 1
        if digits > MAX_DIGITS:
            raise OverflowError("too many digits after the point")
    return step.numerator, digits


def lower(kind: int, shape: Number, productions: dict[str, Expression], max_states: int) -> Expression:
    """The expression for one number shape; residues become productions.

    Raises:
        OverflowError: more states than the limit, or digits than MAX_DIGITS.
    """
    for bound in (shape.low, shape.high):
        if bound is not None and abs(bound) >= 10**MAX_DIGITS:
            raise OverflowError(f"a bound of more than {MAX_DIGITS} digits")
    found = _expression(kind, shape)
    return found if found is not None else _residues(kind, shape, productions, max_states)


def _residues(kind: int, shape: Number, productions: dict[str, Expression], max_states: int) -> Expression:
    """Right-linear productions that read digits and keep the residue.

    The bounds are cut into blocks such as 12[3-9][0-9][0-9]; what is left after a block is "n free digits from residue
    r" (phase n; m: n or more), shared by all blocks. Behind the point (phases g and h) `left` counts the digits down to
    the smallest step; h still needs a digit that is not zero, x has seen one that is too small for every divisor.
    """
    wanted, avoided = list(shape.multiples), list(shape.non_multiples)
    if kind == INTEGER:
        wanted = [Fraction(lcm(s.numerator, s.denominator) // s.denominator) for s in wanted]
        avoided = [Fraction(lcm(s.numerator, s.denominator) // s.denominator) for s in avoided]
    digits = max(_scaled(step)[1] for step in wanted + avoided)
    if digits > 30:
        raise OverflowError(f"a divisor with {digits} digits after the point (limit 30)")
    unit = 10**digits
    wanted_steps, avoided_steps = [int(s * unit) for s in wanted], [int(s * unit) for s in avoided]
    modulus = lcm(*wanted_steps, *avoided_steps)
    if modulus * 8 > max_states:
        raise OverflowError(f"divisors with a common multiple of {modulus} (limit {max_states // 8})")
    accept = [not any(r % m for m in wanted_steps) and all(r % m for m in avoided_steps) for r in range(modulus)]
    fractions = bool(kind & FRACTION) and not (wanted and digits == 0)
    power = unit % modulus
    name = f"multiple{len(productions)}"
    pending: list[tuple[str, int, int]] = []
    named: dict[tuple[str, int, int], str] = {}

    def state(phase: str, residue: int, left: int) -> Ref:
        key = (phase, residue, left)
        if key not in named:
            if len(named) >= max_states:
                raise OverflowError(f"more than {max_states} states for a divisor")
            named[key] = f"{name}_{phase}_{residue}_{left}"
            pending.append(key)
        return Ref(named[key])

    def by_digit(phase: str, residue: int, left: int) -> list[Expression]:
        goes: dict[int, list[int]] = {}
        for digit in range(10):
            goes.setdefault((residue * 10 + digit) % modulus, []).append(digit)
        return [Seq((_digits(found), state(phase, after, left))) for after, found in goes.items()]

    def behind_point(phase: str, residue: int, left: int) -> list[Expression]:
        goes: dict[tuple[str, int, int], list[int]] = {}
        for digit in range(10):
            after = "g" if digit else phase
            if left > 0:
                goes.setdefault((after, (residue * 10 + digit) % modulus, left - 1), []).append(digit)
            elif digit == 0:
                goes.setdefault((after, residue, 0), []).append(digit)
            elif not wanted:
                goes.setdefault(("x", 0, 0), []).append(digit)
        return [Seq((_digits(found), state(*key))) for key, found in goes.items()]

    def walk(block: str) -> Expression:
        heads: list[tuple[str, int]] = [("", 0)]
        for position, (chars, times) in enumerate(re.findall(r"(\[[0-9-]+\]|[0-9])(\*|\+|\{[0-9]+,?\})?", block)):
            if chars == "[0-9]" and position:
                count = 1 if times in ("", "+") else 0 if times == "*" else int(times.strip("{},"))
                phase = "m" if times in ("*", "+") or "," in times else "n"
                return Alt(tuple(Seq((Literal(text.encode()), state(phase, r, count))) for text, r in heads))
            found = [int(digit) for digit in chars.strip("[]").replace("-", "")]
            span = range(found[0], found[-1] + 1)
            heads = [(text + str(digit), (r * 10 + digit) % modulus) for text, r in heads for digit in span]
        return Alt(tuple(Seq((Literal(text.encode()), state("n", r, 0))) for text, r in heads))

    def side(low: Fraction, low_open: bool, high: Fraction | None, high_open: bool) -> list[Expression]:
        """The decimals from low >= 0 to high: both ends digit by digit, whole numbers between them by blocks."""
        first, last = low.numerator // low.denominator, None if high is None else high.numerator // high.denominator
        out: list[Expression] = []
        for whole in dict.fromkeys((first,) if last is None else (first, last)):
            if whole == 0 == low and (high is None or last != 0):  # 0.xxx, all of it
                if not low_open and kind != FRACTION and accept[0]:
                    out.append(Literal(b"0"))
                phase = "h" if low_open or kind == FRACTION else "g"
                out.append(Seq((Literal(b"0."), Alt(tuple(behind_point(phase, 0, digits))))))
                continue
            if not wanted:
                raise OverflowError("bounds on numbers that must not be a multiple")
            for part in range(0, unit, 1):
                value = whole + Fraction(part, unit)
                if part and digits > 4:
                    raise OverflowError("bounds with so fine a divisor")
                if value < low or (value == low and low_open) or (high is not None and value > high):
                    continue
                if (
                    (value == high and high_open)
                    or (kind == FRACTION and part == 0)
                    or not accept[int(value * unit) % modulus]
                ):
                    continue
                tail = str(part).rjust(digits, "0").rstrip("0")
                out.append(Pattern(f"{whole}\\.{tail}0*" if tail else f"{whole}(?:\\.0+)?"))
        if last is None or first + 1 < last:
            blocks = natural_range(first + 1, None if last is None else last - 1).split("|")
            out += [walk(block) for block in blocks]
        return out

    start: list[Expression] = []
    if fractions:
        zero = Fraction(0)
        low, high = shape.low, shape.high
        if low is None or low < 0:
            least, least_open = (zero, True) if high is None or high >= 0 else (-high, shape.high_open)
            start = [
                Seq((Literal(b"-"), item))
                for item in side(least, least_open, None if low is None else -low, shape.low_open)
            ]
        if high is None or high >= 0:
            start += side(*((zero, False) if low is None or low < 0 else (low, shape.low_open)), high, shape.high_open)
    else:
        blocks = _blocks(*_integer_bounds(shape))
        start = [Seq((Literal(b"-"), walk(block))) if sign else walk(block) for sign, block in blocks]
    while pending:
        phase, residue, left = key = pending.pop()
        options: list[Expression] = []
        if phase == "x":
            options = [Pattern("[0-9]*")]
        elif phase in "gh":
            if phase == "g" and accept[residue * pow(10, left, modulus) % modulus]:
                options.append(Literal(b""))
            options += behind_point(phase, residue, left)
        elif left > 0:
            options = by_digit(phase, residue, left - 1)
        else:
            if kind != FRACTION and accept[residue * power % modulus]:
                options.append(Literal(b""))
            if phase == "m":
                options += by_digit("m", residue, 0)
            if fractions:
                after = behind_point("h" if kind == FRACTION else "g", residue, digits)
                options.append(Seq((Literal(b"."), Alt(tuple(after)))))
        productions[named[key]] = Alt(tuple(options))
    return Alt(tuple(start))


def _digits(digits: list[int]) -> Expression:
    return Pattern("[" + "".join(map(str, digits)) + "]") if len(digits) > 1 else Literal(str(digits[0]).encode())


def _blocks(low: int | None, high: int | None) -> list[tuple[bool, str]]:
    """(is negative, alternative of `natural_range`) for every block of the range."""
    out: list[tuple[bool, str]] = []
    if low is None or low < 0:
        most, least = (None if low is None else -low), (1 if high is None or high >= 0 else -high)
        if most is None or least <= most:
            out += [(True, block) for block in natural_range(least, most).split("|")]
    if high is None or high >= 0:
        least = 0 if low is None or low < 0 else low
        if high is None or least <= high:
            out += [(False, block) for block in natural_range(least, high).split("|")]
    return out
