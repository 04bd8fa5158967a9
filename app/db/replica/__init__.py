"""Reads on a streaming replica, and what becomes of connections when servers change their parts."""
