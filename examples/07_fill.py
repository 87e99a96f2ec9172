"""Holes anywhere in a text, filled by a causal model; what stands to the right of a hole counts too.

python examples/07_fill.py
"""

import weft
from weft import HOLE, Canvas
from weft.decoders import hf

# No model yet: can this become a program, and how?
program = Canvas("int gcd(int a, int b) { while (", HOLE, ") { ", HOLE, " } return ", HOLE, "; }")
verdict = weft.check(weft.load("cpp"), program)
print(verdict.status.name, verdict.witness)

lm = hf.load_causal()
canvas = Canvas('{"name": "', HOLE, '", "age": ', HOLE, ', "city": "', HOLE, '"}')
constraint = weft.compile(weft.load("json"), lm.vocabulary)
result = weft.fill(lm, canvas, constraint, prompt="A person as JSON: ", max_tokens=16)
print(result.text)
print(result.holes, f"in {result.model_calls} calls of the model")

# Another language is another grammar, nothing else.
program = """// returns the greatest common divisor of a and b
int gcd(int a, int b) {
    while (b != 0) {
        int t = <HOLE>;
        a = b;
        b = <HOLE>;
    }
    return a;
}"""
constraint = weft.compile(weft.load("cpp"), lm.vocabulary)
print(weft.fill(lm, Canvas.from_text(program), constraint, max_tokens=16).text)
