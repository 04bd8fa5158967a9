"""The ledger of credits: the only code that writes `credit_balances`, `credit_transactions` and `credit_daily_totals`.

Balances are locked first, several in the order of their ids; the holder of a balance is alone with its transactions and
totals. All three change together, by `rule`.
"""
