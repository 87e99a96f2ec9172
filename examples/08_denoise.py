"""Masked diffusion: the model fills a canvas of slots in any order, and no order leads to a dead end.

python examples/08_denoise.py
"""

import weft
from weft.decoders import embedded, hf
from weft.decoders.policies import TopK

dlm = hf.masked(embedded.masked(), embedded.tokenizer())
city = {"type": "string", "minLength": 3, "maxLength": 12}
schema = {"type": "object", "properties": {"city": city}, "required": ["city"]}
constraint = weft.compile(weft.from_json_schema({**schema, "additionalProperties": False}), dlm.vocabulary)

for at_once in (1, 4):
    result = weft.denoise(dlm, "A place as JSON: ", constraint, length=16, policy=TopK(at_once))
    print(f"{at_once} tokens a step: {result.text}   ({result.model_calls} passes, {result.forced} tokens forced)")
