"""from_json_schema against the package jsonschema, and on bad input."""

import contextlib
import json
import time

import jsonschema
import pytest

from weft.errors import SchemaError
from weft.grammar.recognizer import Recognizer
from weft.schemas.json_schema import COMPACT, from_json_schema
from weft.schemas.schema import Limits


def accepts(recognizer: Recognizer, text: str) -> bool:
    encoded = text.encode()
    fits = recognizer.feed(encoded)
    complete = fits == len(encoded) and recognizer.is_complete
    recognizer.rollback(fits)
    return bool(complete)


VALUES = [
    None, True, False, 0, 1, -1, 2.5, 7, 10, 100, "", "a", "ab", "abc", "é", "😀", 'q"\\\n', [], [1],
    [1, 2], [1, "a"], ["a", 1], ["a", "a"], [[]], [1, 2, 3, 4],
    {}, {"a": 1}, {"b": 1}, {"a": "x"}, {"a": 1, "b": 2}, {"a": 1, "c": 3}, {"b": "x", "c": 1},
    {"x-1": 1}, {"x-1": "s"}, {"a": {"a": {"a": 1}}}, {"a": 1, "b": 2, "c": 3}, {"a": None}, {"kind": "p", "v": 1},
    {"kind": "q", "v": "s"}, {"kind": "q", "v": 1}, {"a": [1, 2]}, {"a": []}, {"aa": 1, "bb": 2, "cc": 3},
]  # fmt: skip

SCHEMAS = [
    {},
    {"type": "integer"},
    {"type": ["string", "null"]},
    {"type": "number", "minimum": 1, "exclusiveMaximum": 10},
    {"minLength": 1, "maxLength": 2},
    {"pattern": "^a"},
    {"enum": [1, "a", None, [1, 2], {"a": 1}, True]},
    {"const": {"a": 1, "b": 2}},
    {"type": "object", "properties": {"a": {"type": "integer"}, "b": {}}, "required": ["a"]},
    {"properties": {"a": {"type": "integer"}}, "additionalProperties": False},
    {"properties": {"a": False}, "type": "object"},
    {"additionalProperties": {"type": "integer"}, "type": "object"},
    {"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": {"type": "integer"}},
    {"patternProperties": {"^a": {"type": "integer"}, "a$": {"minimum": 2}}, "type": "object"},
    {"propertyNames": {"maxLength": 1}, "type": "object"},
    {"minProperties": 2, "type": "object"},
    {"maxProperties": 1, "properties": {"a": {}, "b": {}}},
    {"minProperties": 2, "properties": {"a": {}, "b": {}, "c": {}}, "additionalProperties": False},
    {"items": {"type": "integer"}, "minItems": 1, "maxItems": 3},
    {"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
    {"prefixItems": [{"type": "string"}], "items": {"type": "integer"}, "minItems": 1},
    {"contains": {"type": "string"}},
    {"contains": {"type": "integer"}, "minContains": 2, "maxContains": 3},
    {"type": "array", "uniqueItems": True, "maxItems": 1},
    {"type": "array", "uniqueItems": True, "items": {"enum": ["a", 1, 2]}},
    {"anyOf": [{"type": "string", "maxLength": 1}, {"minimum": 7}]},
    {"oneOf": [{"type": "integer"}, {"minimum": 2}]},
    {"oneOf": [{"required": ["a"]}, {"required": ["b"]}], "type": "object"},
    {
        "oneOf": [
            {"properties": {"kind": {"const": "p"}, "v": {"type": "integer"}}, "required": ["kind"]},
            {"properties": {"kind": {"const": "q"}, "v": {"type": "string"}}, "required": ["kind"]},
        ],
        "type": "object",
    },
    {"allOf": [{"properties": {"a": {"minimum": 1}}}, {"properties": {"a": {"type": "integer"}}, "required": ["a"]}]},
    {
        "allOf": [
            {"additionalProperties": {"type": "integer"}},
            {"properties": {"a": {}}, "additionalProperties": False},
        ]
    },
    {"allOf": [{"pattern": "a"}, {"pattern": "b"}, {"maxLength": 2}], "type": "string"},
    {"not": {"type": ["object", "array"]}},
    {"not": {"required": ["a"]}, "type": "object"},
    {"not": {"properties": {"a": {"type": "integer"}}}, "type": "object"},
    {"not": {"items": {"type": "integer"}}},
    {"not": {"additionalProperties": {"type": "integer"}}},
    {"not": {"pattern": "a"}},
    {"not": {"enum": ["a", 1, [1], {"a": 1}]}},
    {"not": {"anyOf": [{"type": "string"}, {"minimum": 1}]}},
    {
        "properties": {"a": {}, "b": {}, "c": {}},
        "if": {"required": ["a"]},
        "then": {"required": ["b"]},
        "else": {"required": ["c"]},
        "type": "object",
    },
    {"if": {"type": "integer"}, "then": {"minimum": 5}, "else": {"type": "string"}},
    {"dependentRequired": {"a": ["b"]}, "properties": {"a": {}, "b": {}}},
    {
        "dependentSchemas": {"a": {"properties": {"c": {"type": "integer"}}, "required": ["c"]}},
        "properties": {k: {} for k in "abc"},
    },
    {"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {"a": {"$ref": "#/$defs/node"}}}}},
    {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"$ref": "#"}}]},
    {"$defs": {"x": {"$anchor": "here", "type": "string"}}, "$ref": "#here"},
    {
        "$id": "http://h/root",
        "$defs": {"x": {"$id": "inner", "$defs": {"y": {"minimum": 7}}}},
        "$ref": "inner#/$defs/y",
    },
    {"unevaluatedProperties": False, "properties": {"a": {}}},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: json.dumps(schema)[:60])
def test_agrees_with_jsonschema(schema: dict[str, object]) -> None:
    recognizer = Recognizer(from_json_schema(schema))
    validator = jsonschema.Draft202012Validator(schema)
    wrong = []
    for value in VALUES:
        text = json.dumps(value, ensure_ascii=False)
        if accepts(recognizer, text) != validator.is_valid(value):
            wrong.append(text)
    assert wrong == []


def test_white_space() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "array"}, "b": {}}, "required": ["a"]}
    value = {"a": [1, {"x": [], "y": {}}], "b": {"c": None}}
    forms = [
        json.dumps(value),
        json.dumps(value, separators=(",", ":")),
        json.dumps(value, indent=2),
        json.dumps(value, indent="\t"),
    ]
    recognizer = Recognizer(from_json_schema(schema))
    assert [accepts(recognizer, text) for text in forms] == [True] * 4
    assert not accepts(recognizer, '{  "a": []}')
    recognizer = Recognizer(from_json_schema(schema, whitespace=COMPACT))
    assert [accepts(recognizer, text) for text in forms] == [False, True, False, False]
    recognizer = Recognizer(from_json_schema(schema, whitespace="[ \n]{0,2}"))
    assert [accepts(recognizer, text) for text in forms] == [True, True, False, False]
    with pytest.raises(SchemaError, match="more than white space"):
        from_json_schema(schema, whitespace=" |x")


def test_declared_order_then_others_and_no_name_twice() -> None:
    recognizer = Recognizer(from_json_schema({"type": "object", "properties": {"a": {}, "b": {}}, "required": ["b"]}))
    assert accepts(recognizer, '{"a":1,"b":2,"z":3,"y":4}')
    assert not accepts(recognizer, '{"b":2,"a":1}')
    assert not accepts(recognizer, '{"a":1,"a":1,"b":2}')
    assert not accepts(recognizer, '{"b":1,"\\u0061":1}')
    assert not accepts(recognizer, '{"z":1,"b":2}')


def test_properties_of_allof_stand_where_it_stands() -> None:
    shared = {"allOf": [{"properties": {"b": {}}, "required": ["b"]}]}
    own = {"type": "object", "properties": {"a": {}}, "required": ["a"]}
    assert accepts(Recognizer(from_json_schema({**shared, **own})), '{"b": 1, "a": 1}')
    assert accepts(Recognizer(from_json_schema({**own, **shared})), '{"a": 1, "b": 1}')


def test_a_discriminator_settles_which_alternative_is_meant() -> None:
    kinds = [f"k{i}" for i in range(40)]
    ways = [
        {"properties": {"kind": {"enum": [kind]}, "v": {"properties": {kind: {"type": "integer"}}, "required": [kind]}}}
        for kind in kinds
    ]
    grammar = from_json_schema({"type": "object", "required": ["kind"], "oneOf": ways})
    recognizer = Recognizer(grammar)
    assert len(grammar.productions) < 10 * len(kinds)
    assert accepts(recognizer, '{"kind": "k7"}')
    assert accepts(recognizer, '{"kind": "k7", "v": {"k7": 1}}')
    assert accepts(recognizer, '{"kind": "k7", "v": 3}')
    assert not accepts(recognizer, '{"kind": "k7", "v": {"k7": "x"}}')
    assert not accepts(recognizer, '{"kind": "x"}')
    assert not accepts(recognizer, "{}")


def test_items_that_exclude_each_other_need_no_counting() -> None:
    ways = [{"items": {"enum": [f"{kind}{i}" for i in range(9)]}, "maxItems": 25} for kind in "abcd"]
    grammar = from_json_schema({"type": "array", "oneOf": ways})
    recognizer = Recognizer(grammar)
    assert len(grammar.productions) < 20
    assert accepts(recognizer, '["a1", "a2"]')
    assert not accepts(recognizer, '["a1", "b1"]')
    assert not accepts(recognizer, "[]")  # all four alternatives


def test_strings() -> None:
    recognizer = Recognizer(from_json_schema({"type": "string", "maxLength": 2}))
    assert accepts(recognizer, '"\\ud83d\\ude00\\u0041"')
    assert not accepts(recognizer, '"\\ud83d\\ude00ab"')
    assert not accepts(recognizer, '"\\ud83d"')
    assert not accepts(recognizer, '"\n"')
    assert accepts(
        Recognizer(from_json_schema({"type": "string", "minLength": 900, "maxLength": 1000})), '"' + "x" * 950 + '"'
    )


def test_names_are_escaped() -> None:
    schema = {
        "type": "object",
        "properties": {'q"\\': {"const": 1}, "é\n": {"const": 2}},
        "additionalProperties": False,
    }
    recognizer = Recognizer(from_json_schema(schema))
    assert accepts(recognizer, '{"q\\"\\\\": 1, "é\\n": 2}')


def test_unknown_keywords_and_formats_are_annotations() -> None:
    schema = {"type": "string", "_format": "x", "x-kubernetes-y": [], "title": 1, "format": "int32", "javaType": {}}
    assert accepts(Recognizer(from_json_schema(schema)), '"abc"')


def test_formats_are_assertions() -> None:
    recognizer = Recognizer(from_json_schema({"type": "string", "format": "date"}))
    assert accepts(recognizer, '"2024-02-29"')
    assert not accepts(recognizer, '"2023-02-29"')
    ignoring = from_json_schema({"type": "string", "format": "date"}, ignore=["format"])
    assert accepts(Recognizer(ignoring), '"soon"')


def test_what_cannot_be_kept_is_refused_by_name_and_place() -> None:
    schema = {"properties": {"tags": {"type": "array", "uniqueItems": True}}}
    with pytest.raises(SchemaError) as caught:
        from_json_schema(schema)
    error = caught.value
    assert error.what == "'uniqueItems' cannot be enforced by a context-free grammar"
    assert error.where == "at #/properties/tags/uniqueItems"
    assert error.hint == 'from_json_schema(..., ignore=["uniqueItems"]), then validate the result'
    assert accepts(Recognizer(from_json_schema(schema, ignore=["uniqueItems"])), '{"tags":[1,1]}')


@pytest.mark.parametrize(
    ("schema", "where"),
    [
        (3, "#"),
        ([], "#"),
        (None, "#"),
        ({"type": "text"}, "#/type"),
        ({"properties": {"a": 3}}, "#/properties/a"),
        ({"properties": []}, "#/properties"),
        ({"$ref": "#/nowhere"}, "#/$ref"),
        ({"$ref": "http://elsewhere/schema.json"}, "#/$ref"),
        ({"$ref": 3}, "#/$ref"),
        ({"$ref": "#"}, "#/$ref"),
        ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, "#/$defs/a/$ref"),
        ({"allOf": [{"$ref": "#"}]}, "#"),
        ({"anyOf": [{"type": "string"}, {"not": {"$ref": "#"}}]}, "#"),
        ({"minItems": -1}, "#/minItems"),
        ({"maxLength": "3"}, "#/maxLength"),
        ({"multipleOf": 0}, "#/multipleOf"),
        ({"minimum": float("nan")}, "#/minimum"),
        ({"required": "a"}, "#/required"),
        ({"anyOf": []}, "#/anyOf"),
        ({"items": {"pattern": "("}}, "#/items/pattern"),
        ({"unevaluatedItems": False, "allOf": [{"items": True}]}, "#/unevaluatedItems"),
        ({"$dynamicRef": "#x"}, "#/$dynamicRef"),
        (
            {
                "items": {
                    "allOf": [
                        {"anyOf": [{"minimum": i}, {"required": [str(i)]}, {"pattern": str(i)}]} for i in range(9)
                    ]
                }
            },
            "#/items/allOf/0",
        ),
        (False, "#"),
        ({"type": "integer", "minimum": 5, "maximum": 3}, "#"),
        ({"type": "object", "properties": {"a": False}, "required": ["a"]}, "#"),
        ({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, "#"),
    ],
)
def test_broken_schemas(schema: object, where: str) -> None:
    with pytest.raises(SchemaError) as caught:
        from_json_schema(schema)
    assert caught.value.where.removeprefix("at ") == where


@pytest.mark.parametrize(
    "schema",
    [
        {"enum": list(range(20_000))},
        {"type": "array", "minItems": 10**9},
        {"type": "string", "maxLength": 10**12},
        {"type": "integer", "multipleOf": 10**9 + 7},
        {"minimum": 10**400},
        {"oneOf": [{"properties": {f"p{j}": {"minimum": i} for j in range(12)}} for i in range(12)]},
        {"allOf": [{"anyOf": [{"minimum": i}, {"pattern": str(i)}, {"required": [str(i)]}]} for i in range(30)]},
        {"type": "object", "minProperties": 5000, "properties": {str(i): {} for i in range(200)}},
        {"patternProperties": {f"[a-z]{{{i}}}": {"minimum": i} for i in range(40)}},
    ],
    ids=lambda schema: json.dumps(schema)[:40],
)
def test_large_schemas_end_soon(schema: object) -> None:
    started = time.process_time()
    with contextlib.suppress(SchemaError):
        from_json_schema(schema)
    assert time.process_time() - started < 10


def test_nesting() -> None:
    schema: dict[str, object] = {"type": "integer"}
    for _ in range(150):
        schema = {"properties": {"a": schema}, "required": ["a"], "type": "object"}
    assert accepts(Recognizer(from_json_schema(schema)), '{"a":' * 150 + "1" + "}" * 150)
    for _ in range(400):
        schema = {"items": schema}
    with pytest.raises(SchemaError, match="limit 400"):
        from_json_schema(schema)
    from_json_schema(schema, limits=Limits(depth=1000))


def test_references_out_of_a_deep_nest_lead_back() -> None:
    schema: dict[str, object] = {"$ref": "#/$defs/top"}
    for _ in range(120):
        schema = {"type": "array", "items": schema}
    schema["$defs"] = {"top": {"type": ["array", "null"], "items": {"$ref": "#"}, "maxItems": 1}}
    recognizer = Recognizer(from_json_schema(schema))
    assert accepts(recognizer, "[" * 120 + "[]" + "]" * 120)
    assert accepts(recognizer, "[" * 119 + "[null,[[]]]" + "]" * 119)
    assert not accepts(recognizer, "[" * 120 + "1" + "]" * 120)


def test_subschemas_that_say_the_same_are_written_once() -> None:
    def words(n: int) -> dict[str, object]:
        return {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}, "description": str(n)}

    def size(schema: dict[str, object]) -> int:
        return len(from_json_schema({"additionalProperties": False, "type": "object", **schema}).productions)

    names = [f"p{i}" for i in range(20)]
    assert (
        size({"properties": {name: words(i) for i, name in enumerate(names)}, "required": names}) == 4
    )  # root, object, array, space
    # 1, 1.0 and true are not the same
    grammar = from_json_schema({"prefixItems": [{"const": 1}, {"const": True}], "minItems": 2, "items": False})
    assert accepts(Recognizer(grammar), "[1, true]")
    assert not accepts(Recognizer(grammar), "[1, 1]")


def test_documents() -> None:
    documents = {"http://other/schema.json": {"$defs": {"word": {"type": "string"}}}}
    grammar = from_json_schema({"$ref": "http://other/schema.json#/$defs/word"}, documents=documents)
    assert accepts(Recognizer(grammar), '"x"')
    assert not accepts(Recognizer(grammar), "1")
