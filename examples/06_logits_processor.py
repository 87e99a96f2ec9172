"""Inside `model.generate` of transformers: greedy, sampling and beams, with one constraint.

python examples/06_logits_processor.py
"""

import weft
from weft.decoders import hf

lm = hf.load_causal()
model, tokenizer = lm.model, lm.tokenizer
schema = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 20}}, "required": ["city"]}
constraint = weft.compile(weft.from_json_schema({**schema, "additionalProperties": False}), lm.vocabulary)

ids = tokenizer("A place as JSON: ", return_tensors="pt").input_ids
for settings in ({}, {"do_sample": True}, {"num_beams": 3}):
    processor = hf.GrammarLogitsProcessor(constraint, prompt_len=ids.shape[1])
    output = model.generate(ids, logits_processor=[processor], max_new_tokens=40, **settings)
    print(settings or "greedy", tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True))
