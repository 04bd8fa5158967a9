"""Loads the exports of the previous system: read as a stream, mapped row by row, merged set-wise."""
