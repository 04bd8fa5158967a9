"""Bookings of people, the weeks they work, and what they are paid for them."""
