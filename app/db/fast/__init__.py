"""What PostgreSQL is sent, and when: each part is kept for what it was measured to gain, and can be taken out alone."""
