"""Billing accounts, their budgets and their users."""
