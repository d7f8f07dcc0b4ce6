"""The address of a blob store: a folder or a bucket."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from service.blob_store import BlobStore
from service.blob_store.folder import FolderStore
from service.blob_store.s3 import S3Store


def open_blob_store(url: str, secret_keys: Sequence[bytes] = ()) -> BlobStore:
    """Open the store at ``file:///FOLDER``, which is created if needed, or at ``s3://BUCKET/PREFIX``.

    ``secret_keys``: newest first; without any, files are not encrypted, and encrypted ones cannot be read.

    Raises ValueError for another address.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path:
        return FolderStore(Path(unquote(parts.path)), secret_keys)
    if parts.scheme == "s3" and parts.netloc:
        return S3Store(url, secret_keys)
    raise ValueError(f"{url} is not the address of a file store: use file:///FOLDER or s3://BUCKET/PREFIX.")
