"""`flask import-legacy` and `flask import-access`: load the exports of the previous system."""
