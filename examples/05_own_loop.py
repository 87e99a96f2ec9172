"""Masks in a loop of your own: any model, any sampler. Here the "model" is a table of scores over nine tokens.

python examples/05_own_loop.py
"""

import numpy as np

import weft

tokens = [b"1", b"23", b"(", b")", b"+", b"*", b"()", b")+(", None]
constraint = weft.compile(
    weft.from_lark('start: start ("+" | "*") start | "(" start ")" | /[0-9]+/'), weft.Vocabulary(tokens, eos=[8])
)

scores = np.random.default_rng(7)
matcher, mask = constraint.matcher(max_tokens=12), constraint.empty_mask()  # uint32[ceil(9 / 32)]
while not matcher.is_stopped:
    matcher.mask(out=mask)
    allowed = np.unpackbits(mask.view(np.uint8), bitorder="little")[: len(tokens)].astype(bool)  # (vocabulary,)
    logits = np.where(allowed, scores.normal(size=len(tokens)), -np.inf)
    token_id = int(logits.argmax())
    names = [str(token and token.decode()) for token, fits in zip(tokens, allowed, strict=True) if fits]
    print(f"{matcher.text.decode() or '(nothing)':24} then one of {' '.join(names)}")
    matcher.commit(token_id)

print(matcher.text.decode())
