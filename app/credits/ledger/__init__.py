"""The ledger of credits: the only code that writes balances, lots, transactions and daily totals.

Balances are locked first, several in the order of their ids; the holder of a balance is alone with its lots,
transactions and totals. All change together, by `rule`.
"""
