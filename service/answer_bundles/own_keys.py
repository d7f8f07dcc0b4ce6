"""The keys with which this installation signs answers. They are derived from its secret keys, so no database contains them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import NamedTuple

from service.secret_keys import fingerprint, list_signing_keys
from service.settings import Settings


class OwnKey(NamedTuple):
    """The public part of a signing key. ``is_current``: it signs now; the others signed before the secret key changed."""

    id: str
    public_key: str
    fingerprint: str
    is_current: bool


def list_own_keys(settings: Settings) -> Sequence[OwnKey]:
    """Return the public keys of this installation, the current one first."""
    return [
        OwnKey(key.id, base64.b64encode(key.public_key).decode(), fingerprint(key.public_key), is_current=number == 0)
        for number, key in enumerate(list_signing_keys(settings.get_secret_keys()))
    ]
