"""Cross-checking: whether two results agree, and if not, why."""
