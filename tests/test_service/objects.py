"""What stands in the address of a route: for each variable an object of an organisation, made whole enough to be found.

The tests of access call every route with them, so a route with a new variable needs a line in `OBJECTS`.
"""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy.orm import Session

from service.clock import now
from service.db.tables import ApiKey, User, new_id


def user_id(session: Session) -> str:
    made = new_id()
    session.add(
        User(id=made, email=f"{made}@harbour.example", name="Bo", password_hash="", role="viewer", created_at=now())
    )
    return made


def key_id(session: Session) -> str:
    at, made = now(), new_id()
    session.add(
        ApiKey(
            id=made,
            name="Portal",
            prefix="abcdefgh",
            key_hash=made,
            scopes=["assess"],
            created_at=at,
            expires_at=at + timedelta(days=1),
        )
    )
    return made


OBJECTS: dict[str, Callable[[Session], str]] = {"user_id": user_id, "key_id": key_id}
