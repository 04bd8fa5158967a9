"""Imports exports of the previous system: streamed, mapped row by row, and merged set-wise."""
