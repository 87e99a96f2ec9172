"""Is a partial output still worth continuing? Neither a model nor a tokenizer is needed.

python examples/03_check_partial.py
"""

import weft

grammar = weft.from_json_schema(
    {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer", "maximum": 120}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
)

for text in [
    '{"name": "Ada", "age": 36}',
    '{"name": "Ada", "age": 3',
    '{"name": "Ada", "age": "',
    '{"name": "Ada", "age": 121',
]:
    verdict = weft.check(grammar, text)
    print(f"{verdict.status.name:9} {text}")
    if verdict.status is weft.Status.OPEN:
        print(f"          could become {verdict.witness}")
    elif verdict.error is not None:
        print(verdict.error)
