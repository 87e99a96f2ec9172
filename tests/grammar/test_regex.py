import oracles
import pytest

CASES = oracles.suite("regex")


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_suite(case):
    grammar = oracles.grammar_of(case)
    assert [t for t in case["yes"] if not oracles.accepts(grammar, t)] == []
    assert [t for t in case["no"] if oracles.accepts(grammar, t)] == []
