"""The embedded default models, as files: `causal/` and `masked/` are two saved transformers checkpoints.

`weft.decoders.embedded` loads them; `train` made them; `evaluate` measures them; README.md says how and how well.
"""
