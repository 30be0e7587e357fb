"""The standard's words: what attributes there are, and what each kind of value is. Pure."""
