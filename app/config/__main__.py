"""`python -m app.config` prints `.env.example`: every setting with its description and default."""

from app.config.declaration import example
from app.config.settings import Settings

if __name__ == "__main__":
    print(example(Settings), end="")  # noqa: T201 - what it is for
