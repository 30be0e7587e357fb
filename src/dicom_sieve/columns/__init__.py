"""Values and decisions of many rows at once: how they are packed, judged and combined. Pure; no storage."""
