"""Finding anything by a word that one has at hand, in one statement."""

from collections.abc import Mapping
from typing import Any

from app.db.base import db
from app.db.paging import Page, whole_list
from app.desk import search_queries as queries
from app.desk import words

# Nobody reads more; who finds so many looks for more than a word.
MOST = 100


def search(arguments: Mapping[str, Any]) -> Page:
    """One page of what matches `q`, best first: what is named so exactly, then what is named so in part."""
    asked = arguments["q"].strip()
    values = {**words.look_for(asked).values, "text": asked, "most": MOST}
    return whole_list(db.session.execute(queries.EVERYTHING, values).all(), arguments)
