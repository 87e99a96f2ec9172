"""Everything that calls a model: the only place for torch and transformers."""
