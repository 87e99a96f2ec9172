"""The report of what is kept."""

from weft.schemas.contract import Clause, contract


def test_contract_names_every_keyword() -> None:
    report = contract(
        {"title": "t", "properties": {"a": {"type": "array", "uniqueItems": True}, "b": {"pattern": "(a)\\1"}}}
    )
    assert [clause[:3] for clause in report.clauses] == [
        ("#/title", "title", "annotation"),
        ("#/properties", "properties", "exact"),
        ("#/properties/a/type", "type", "exact"),
        ("#/properties/a/uniqueItems", "uniqueItems", "refused"),
        ("#/properties/b/pattern", "pattern", "refused"),
    ]
    assert not report.is_exact
    assert (
        str(report).splitlines()[2].startswith("refused  #/properties/a/uniqueItems: 'uniqueItems' cannot be enforced")
    )


def test_exact_and_ignored() -> None:
    assert contract({"type": "string", "maxLength": 3}).is_exact
    report = contract({"uniqueItems": True}, ignore=["uniqueItems"])
    assert report.clauses == (Clause("#/uniqueItems", "uniqueItems", "ignored"),)


def test_a_schema_that_nothing_satisfies() -> None:
    assert contract(False).refused[-1].why == "no value satisfies the schema"
