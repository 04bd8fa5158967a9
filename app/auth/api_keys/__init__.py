"""API keys: secrets by which machines authenticate without an identity provider."""
