from weft.grammar.grammar import (
    Alt,
    And,
    Literal,
    Not,
    Pattern,
    Ref,
    Repeat,
    Seq,
    Special,
    Spelled,
    children,
    replace_outermost,
    rewrite,
    walk,
)

A, B = Literal(b"a"), Literal(b"b")


def test_expressions_of_different_kinds_are_never_equal():
    assert Seq((A, B)) != Alt((A, B))
    assert Seq(()) != Alt(())
    assert And((Seq((A, B)),)) != And((Alt((A, B)),))
    assert Ref("x") != Special("x")
    assert Seq((A, B)) == Seq((Literal(b"a"), B))
    assert len({Seq((A, B)), Alt((A, B)), And((A, B)), Seq((A, B))}) == 3


def test_walk_visits_the_outer_nodes_first():
    tree = Seq((Alt((A, Repeat(B, 0, 1))), Not(Ref("x"))))
    assert list(walk(tree)) == [tree, tree.items[0], A, Repeat(B, 0, 1), B, Not(Ref("x")), Ref("x")]


def test_rewrite_changes_every_node_the_inner_ones_first():
    tree = Spelled(Seq((A, And((A, Pattern("c"))))), ((10, A),))
    assert rewrite(tree, lambda n: B if n == A else n) == Spelled(Seq((B, And((B, Pattern("c"))))), ((10, B),))


def test_replace_outermost_does_not_look_inside():
    tree = Seq((Alt((A,)), A))
    seen = []
    changed = replace_outermost(tree, lambda n: isinstance(n, Alt), lambda n: seen.append(n) or B)
    assert (changed, seen) == (Seq((B, A)), [Alt((A,))])


def test_depth_does_no_harm():
    tree = A
    for _ in range(20_000):
        tree = Seq((tree,))
    assert sum(1 for _ in walk(tree)) == 20_001
    flat = rewrite(tree, lambda n: n.items[0] if isinstance(n, Seq) else n)
    assert flat == A
    assert children(A) == ()
