"""The ledger of budgets: the only code that writes `budgets`, `budget_lines` and `released_lines`.

Every operation changes lines and totals together and keeps the budget rule (`rule`), but for imports, which take what
there was as it is. Locks are taken in one order everywhere: budgets first, of several by account id, then lines; so the
holder of a budget lock is alone with its lines.
"""
