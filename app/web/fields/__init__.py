"""Fields of the contract. Each is strict about JSON types: no number for a string, no string for an integer."""

from app.web.fields.base import QueryArguments
from app.web.fields.json_values import JsonObject, OneOf
from app.web.fields.lists import Items, Several
from app.web.fields.numbers import (
    MAX_CREDITS,
    MAX_INTEGER,
    Amount,
    AmountOr,
    Boolean,
    Cents,
    Dollars,
    Id,
    Integer,
    Price,
    UnitPrice,
)
from app.web.fields.text import UUID_TEXT, Choice, Identifier, Text, Uuid, Why
from app.web.fields.times import Day, Moment, Month

__all__ = [
    "MAX_CREDITS",
    "MAX_INTEGER",
    "UUID_TEXT",
    "Amount",
    "AmountOr",
    "Boolean",
    "Cents",
    "Choice",
    "Day",
    "Dollars",
    "Id",
    "Identifier",
    "Integer",
    "Items",
    "JsonObject",
    "Moment",
    "Month",
    "OneOf",
    "Price",
    "QueryArguments",
    "Several",
    "Text",
    "UnitPrice",
    "Uuid",
    "Why",
]
