"""Readers of tokenizers: the bytes of every token, the special ones, the end ones, checked."""
