"""One function a rule, in files by family (DESIGN: every operation is linear, has a closed form, or falls back)."""
