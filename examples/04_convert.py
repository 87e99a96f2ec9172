"""The same language in other formats: JSON Schema -> GBNF, Lark -> GBNF, GBNF -> Lark.

python examples/04_convert.py
"""

import weft

schema = {"type": "array", "items": {"enum": ["red", "green", "blue"]}, "minItems": 1, "maxItems": 3}
print(weft.to_gbnf(weft.from_json_schema(schema)))

brackets = weft.from_lark('start: "(" start* ")" | "[" start* "]"')
print(weft.to_gbnf(brackets))

date = weft.from_gbnf('root ::= [0-9]{4} "-" [0-9]{2} "-" [0-9]{2}')
print(weft.to_lark(date))
assert weft.check(date, "2026-02-28").status is weft.Status.COMPLETE
