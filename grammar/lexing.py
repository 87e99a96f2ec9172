"""Lexers written out: blanks between lexemes as a rule, and grammars whose lexer can be left out.

    start: NAME ("," NAME)*           start: blanks list
    %ignore " "                       list: NAME blanks ("," blanks NAME blanks)*

The two accept the same texts if no text of the second can be cut otherwise. That is proved here lexeme by lexeme: after
any text of NAME, no terminal can go on with a byte that begins anything which may follow NAME. Ties between terminals
are settled beforehand: what a keyword takes is taken out of NAME.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from weft.errors import GrammarError
from weft.grammar.automaton import ByteEdges, byte_automaton
from weft.grammar.grammar import (
    Alt,
    And,
    Expression,
    Grammar,
    Literal,
    Not,
    Pattern,
    Ref,
    Repeat,
    Seq,
    Special,
    Spelled,
    Terminal,
    children,
    replace_outermost,
    rewrite,
    walk,
    without_names,
)
from weft.grammar.lexeme import NON_EMPTY

Bytes = frozenset[int]


def fresh_name(base: str, taken: Iterable[str]) -> str:
    """The name itself if it is free, else the first of `base_1`, `base_2`, ... that is."""
    used, name, i = set(taken), base, 0
    while name in used:
        name, i = f"{base}_{i + 1}", i + 1
    return name


def is_lexeme(node: Expression, grammar: Grammar) -> bool:
    """Whether a node of a production is a terminal: a string, a pattern, a special token, or the name of one."""
    if isinstance(node, Ref):
        return node.name in grammar.terminals
    return isinstance(node, Literal | Pattern | And | Not | Spelled | Special)


def blanks_between(grammar: Grammar, changed: dict[Expression, Expression] | None = None) -> Grammar:
    """The grammar without a lexer in which ignored terminals stand at the front and behind every lexeme.

    Args:
        changed: what to put in place of a terminal.
    """
    productions, start = dict(grammar.productions), grammar.start
    changed = changed or {}

    def replaced(body: Expression, *behind: Expression) -> Expression:
        def change(node: Expression) -> Expression:
            new = changed.get(node, node)
            return Seq((new, *behind)) if behind else new

        return replace_outermost(body, lambda node: is_lexeme(node, grammar), change)

    if not grammar.ignore:
        return Grammar(start, {n: replaced(body) for n, body in productions.items()}, grammar.terminals)
    taken = [*productions, *grammar.terminals]
    blanks, inner = fresh_name("blanks", taken), fresh_name(start, taken)

    def rename(node: Expression) -> Expression:
        return Ref(inner) if node == Ref(start) else node

    new: dict[str, Expression] = {start: Seq((Ref(blanks), Ref(inner)))}
    for name, body in productions.items():
        new[inner if name == start else name] = rewrite(replaced(body, Ref(blanks)), rename)
    ignored = tuple(changed.get(Ref(name), Ref(name)) for name in grammar.ignore)
    new[blanks] = Repeat(ignored[0] if len(ignored) == 1 else Alt(ignored), 0, None)
    return Grammar(start, new, grammar.terminals)


def _lexemes(body: Expression, grammar: Grammar) -> list[Expression]:
    out = []
    stack = [body]
    while stack:
        node = stack.pop()
        if is_lexeme(node, grammar):
            out.append(node)
        else:
            stack.extend(reversed(children(node)))
    return out


def without_lexer(grammar: Grammar) -> Grammar:
    """The grammar without a lexer for the same texts.

    Raises:
        GrammarError: longest match may matter; the message names two neighbours for which it does.
    """
    reachable = _reachable(grammar)
    used = list(dict.fromkeys(n for name in reachable for n in _lexemes(grammar.productions[name], grammar)))
    ignored = [Ref(name) for name in grammar.ignore]
    terminals: list[Expression] = [t for t in dict.fromkeys([*used, *ignored]) if not isinstance(t, Special)]
    plain = {t: without_names(t, grammar) for t in terminals}
    rank = {t: _rank(t, grammar) for t in terminals}
    lexeme: dict[Expression, Expression] = {}
    for t in terminals:
        beaten = [Not(plain[x]) for x in terminals if rank[x] > rank[t] and _exists(And((plain[t], plain[x])))]
        empty = [NON_EMPTY] if _accepts_empty(plain[t]) else []
        lexeme[t] = And((plain[t], *empty, *beaten)) if beaten or empty else t

    automata = {t: byte_automaton(plain[t], grammar) for t in terminals}
    lexeme_automata = {t: automata[t] if lexeme[t] is t else byte_automaton(lexeme[t], grammar) for t in terminals}

    @cache
    def goes_on(t: Expression, x: Expression) -> Bytes:
        """The bytes with which x can go on after a lexeme of t."""
        return _continuations(lexeme_automata[t], automata[x])

    @cache
    def begins(t: Expression) -> Bytes:
        first, _, table = lexeme_automata[t]
        return frozenset(b for low, high, _ in table[first] for b in range(low, high + 1)) if table else frozenset()

    def check(t: Expression, u: Expression) -> None:
        if isinstance(t, Special) or isinstance(u, Special):
            return
        is_run = t == u and t in ignored and not _exists(And((Seq((plain[t], plain[t])), Not(plain[t]))))
        for x in terminals:
            if is_run and x == t:
                continue  # two in a row are one, and that one is ignored as well
            clash = goes_on(t, x) & begins(u)
            if clash:
                raise GrammarError(
                    f"this grammar cannot be printed without its lexer: behind {_show(t)}, the {chr(min(clash))!r} of "
                    f"{_show(u)} could also be the next character of a longer {_show(x)}",
                    expected="terminals that cannot go on with what follows them",
                    hint="to_lark keeps the lexer; or put a separator between the two",
                )

    for t, u in sorted(_neighbours(grammar, reachable), key=repr):
        check(t, u)
    for blank in ignored:
        for t in terminals:
            check(t, blank)
            check(blank, t)
    kept = {n: Terminal(t.expression) for n, t in grammar.terminals.items()}
    changed = {t: e for t, e in lexeme.items() if e is not t}
    productions = {name: grammar.productions[name] for name in reachable}
    return blanks_between(Grammar(grammar.start, productions, kept, grammar.ignore), changed)


def _show(terminal: Expression) -> str:
    match terminal:
        case Ref(name):
            return name
        case Literal(text):
            return repr(text.decode("utf-8", "replace"))
        case Pattern(regex, flags):
            return f"/{regex}/{flags}"
        case _:
            return "a terminal"


def _rank(terminal: Expression, grammar: Grammar) -> tuple[int, bool]:
    if isinstance(terminal, Ref):
        named = grammar.terminals[terminal.name]
        return named.priority, isinstance(named.expression, Literal)
    return 0, isinstance(terminal, Literal)


def _exists(expression: Expression) -> bool:
    return bool(byte_automaton(expression, Grammar("start", {}))[2])


def _accepts_empty(expression: Expression) -> bool:
    first, accepting, table = byte_automaton(expression, Grammar("start", {}))
    return bool(table) and first in accepting


def _continuations(a: tuple[int, set[int], ByteEdges], b: tuple[int, set[int], ByteEdges]) -> Bytes:
    """The bytes x such that some word w of a and w x ... is a word of b."""
    first_a, accepting_a, table_a = a
    first_b, _, table_b = b
    if not table_a or not table_b:
        return frozenset()
    out: set[int] = set()
    seen = {(first_a, first_b)}
    pending = [(first_a, first_b)]
    while pending:
        p, q = pending.pop()
        if p in accepting_a:
            out.update(x for low, high, _ in table_b[q] for x in range(low, high + 1))
        for low, high, to in table_a[p]:
            for low_b, high_b, to_b in table_b[q]:
                if max(low, low_b) <= min(high, high_b) and (to, to_b) not in seen:
                    seen.add((to, to_b))
                    pending.append((to, to_b))
    return frozenset(out)


def _reachable(grammar: Grammar) -> list[str]:
    out = [grammar.start]
    for name in out:
        for node in walk(grammar.productions[name]):
            if isinstance(node, Ref) and node.name in grammar.productions and node.name not in out:
                out.append(node.name)
    return out


def _neighbours(grammar: Grammar, reachable: list[str]) -> set[tuple[Expression, Expression]]:
    """The pairs of terminals that can stand next to each other in a sentence."""
    Ends = tuple[bool, frozenset[Expression], frozenset[Expression]]  # empty, first ones, last ones
    known: dict[str, Ends] = {name: (False, frozenset(), frozenset()) for name in reachable}
    pairs: set[tuple[Expression, Expression]] = set()

    def ends(node: Expression) -> Ends:
        if is_lexeme(node, grammar):
            return False, frozenset([node]), frozenset([node])
        match node:
            case Ref(name):
                return known[name]
            case Seq(items):
                empty, first, last = True, frozenset[Expression](), frozenset[Expression]()
                for item in items:
                    item_empty, item_first, item_last = ends(item)
                    pairs.update((a, b) for a in last for b in item_first)
                    first = first | item_first if empty else first
                    last = last | item_last if item_empty else item_last
                    empty = empty and item_empty
                return empty, first, last
            case Alt(items):
                parts = [ends(item) for item in items]
                return (
                    any(p[0] for p in parts),
                    frozenset().union(*(p[1] for p in parts)),
                    frozenset().union(*(p[2] for p in parts)),
                )
            case Repeat(item, low, high):
                empty, first, last = ends(item)
                if high is None or high > 1:
                    pairs.update((a, b) for a in last for b in first)
                return empty or low == 0, first, last
        raise AssertionError(node)

    while True:
        new = {name: ends(grammar.productions[name]) for name in reachable}
        if new == known:
            return pairs
        known = new
