"""A Pydantic model in, an instance of it out.

python examples/02_pydantic.py
"""

from typing import Literal

from pydantic import BaseModel, Field

import weft
from weft.decoders import hf


class Person(BaseModel):
    name: str = Field(max_length=30)
    age: int = Field(ge=0, le=120)
    role: Literal["admin", "editor", "guest"]


lm = hf.load_causal()
constraint = weft.compile(weft.from_pydantic(Person), lm.vocabulary)

for seed in range(3):
    result = weft.generate(lm, "A person as JSON: ", constraint, max_tokens=60, temperature=0.8, seed=seed)
    print(repr(Person.model_validate_json(result.text)))
