"""The pipeline's rules in plain Python: no Django, no I/O."""
