"""A JSON Schema in, valid JSON out, shown as it is generated; offline, on the embedded model.

python examples/01_generate_json.py
"""

import json
from pathlib import Path

import weft
from weft.decoders import hf

schema = json.loads((Path(__file__).parent / "person.schema.json").read_text())

lm = hf.load_causal()
constraint = weft.compile(weft.from_json_schema(schema), lm.vocabulary)
result = weft.generate(
    lm, "A person as JSON: ", constraint, max_tokens=100, on_text=lambda text: print(text, end="", flush=True)
)

print()
seconds = result.timings
print(f"{len(result.ids)} tokens in {seconds.total_s:.3f} s, {seconds.constraint_s:.3f} of them for the grammar")
print(json.loads(result.text))
