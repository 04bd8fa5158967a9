"""Pages for people: the console of staff at `/console`, and the portal of customers at `/portal`.

A page calls the API inside the process (`calls`) as the person who is signed in, so that guards, rules, messages,
versions and idempotency are the API's own; what is here shows answers and turns forms into requests.
"""
