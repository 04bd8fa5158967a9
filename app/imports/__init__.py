"""The runs of imports: what each read and changed, and how it ended."""
