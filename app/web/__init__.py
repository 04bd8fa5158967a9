"""What all routes share: input, output, failures, and what happens around a request."""
