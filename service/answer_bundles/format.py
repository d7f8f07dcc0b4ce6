"""The file of a supplier's signed answers: a ZIP archive that anybody can open and check, and that nobody can change unnoticed.

``answers.json``: the form, its version, the day it was sent, which questions were shown, and the answers as texts by question.
``answers.xlsx``: the same for people to read. ``manifest.json``: the size and SHA-256 of both, and the public key.
``signature.json``: the Ed25519 signature (RFC 8032) of the bytes of the manifest, and the id of the key, so that keys can change.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from service.archives import InvalidArchive, describe_file, read_archive, write_archive
from service.errors import DomainError
from service.secret_keys import KEY_ID, SigningKey, fingerprint, is_signed

FORMAT = "diligence answers 1"
ANSWERS, WORKBOOK, MANIFEST, SIGNATURE = "answers.json", "answers.xlsx", "manifest.json", "signature.json"
MAX_SIZE = 10_000_000  # bytes of a bundle, and of each of its files once it is unpacked
LIMITS = {MANIFEST: 100_000, SIGNATURE: 10_000, ANSWERS: 2_000_000, WORKBOOK: MAX_SIZE}
MOST_ANSWERS, LONGEST_ANSWER = 1_000, 4_000


@dataclass(frozen=True)
class Bundle:
    """The signed answers of a supplier. ``answers``: texts by question, as in the cells of a workbook; ``shown``: the questions
    that were shown. ``public_key``: whose signature it has; ``digest``: the SHA-256 of
    ``answers.json``, the same whenever these answers are signed.
    """

    form: str
    form_version: str
    sent_on: date
    name: str
    shown: tuple[str, ...]
    answers: Mapping[str, str]
    public_key: bytes
    digest: str

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the key."""
        return fingerprint(self.public_key)


def write_bundle(
    form: str, version: str, sent_on: date, name: str, shown: set[str], answers: Mapping[str, str], workbook: bytes,
    key: SigningKey,
) -> bytes:  # fmt: skip
    """Return signed answers to a version of a form. ``shown``: the questions that were shown; ``workbook``: the same answers."""
    content = {
        "format": FORMAT,
        "form": form,
        "form_version": version,
        "sent_on": sent_on.isoformat(),
        "name": name,
        "shown": sorted(shown),
        "answers": dict(sorted(answers.items())),
    }
    files = {ANSWERS: orjson.dumps(content, option=orjson.OPT_INDENT_2), WORKBOOK: workbook}
    manifest = {
        "format": FORMAT,
        "key": {"id": key.id, "public_key": base64.b64encode(key.public_key).decode()},
        "files": [{"name": file, **describe_file(data)} for file, data in files.items()],
    }
    signed = orjson.dumps(manifest, option=orjson.OPT_INDENT_2)
    signature = {"key_id": key.id, "signature": base64.b64encode(key.sign(signed)).decode()}
    return write_archive({MANIFEST: signed, SIGNATURE: orjson.dumps(signature), **files})


def has_signature(data: bytes) -> bool:
    """Return whether a file is an archive that names a signature, as no evidence pack does."""
    return data.startswith(b"PK") and SIGNATURE.encode() in data


def read_bundle(data: bytes) -> Bundle:
    """Return the answers of a bundle whose files and signature are those that its key signed. Whose key it is, is not known here.

    Raises DomainError: ``bundle.too_large``, 413; ``bundle.damaged``, ``bundle.changed``, ``bundle.signature``, 422.
    """
    if len(data) > MAX_SIZE:
        raise DomainError("bundle.too_large", 413, f"A file of answers can be up to {MAX_SIZE // 1_000_000} MB.")
    try:
        files = read_archive(data, LIMITS)
    except InvalidArchive as error:
        if error.is_too_large:
            raise DomainError("bundle.too_large", 413, f"This file is too large: {error}.") from error
        raise _build_damaged(str(error)) from error
    try:
        manifest, signature = orjson.loads(files[MANIFEST]), orjson.loads(files[SIGNATURE])
        listed = {file["name"]: {"size": file["size"], "sha256": file["sha256"]} for file in manifest["files"]}
        public_key = base64.b64decode(manifest["key"]["public_key"], validate=True)
        signed = base64.b64decode(signature["signature"], validate=True)
        is_known = manifest["format"] == FORMAT and signature["key_id"] == fingerprint(public_key)[:KEY_ID]
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, binascii.Error) as error:
        raise _build_damaged("its manifest or signature cannot be read") from error
    if not is_known:
        raise _build_damaged(f"its format is not “{FORMAT}”, or the key in it does not match its key ID")
    if not is_signed(public_key, files[MANIFEST], signed):
        raise DomainError("bundle.signature", 422, "The signature of this file is not valid. Nothing was saved.")
    for name in (ANSWERS, WORKBOOK):
        if listed.get(name) != describe_file(files[name]):
            raise DomainError("bundle.changed", 422, f"{name} has been changed since it was signed. Nothing was saved.")
    return _parse_answers(files[ANSWERS], public_key)


def _parse_answers(data: bytes, public_key: bytes) -> Bundle:
    try:
        content: dict[str, Any] = orjson.loads(data)
        answers, shown = content["answers"], content["shown"]
        texts = [content["form"], content["form_version"], content["name"], *shown, *answers, *answers.values()]
        is_plain = all(isinstance(text, str) and len(text) <= LONGEST_ANSWER for text in texts)
        if not is_plain or max(len(answers), len(shown)) > MOST_ANSWERS:
            raise ValueError("not texts")
        sent_on = date.fromisoformat(content["sent_on"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise _build_damaged(f"{ANSWERS} cannot be read") from error
    form, version, digest = content["form"], content["form_version"], hashlib.sha256(data).hexdigest()
    return Bundle(form, version, sent_on, content["name"], tuple(shown), answers, public_key, digest)


def _build_damaged(clause: str) -> DomainError:
    return DomainError("bundle.damaged", 422, f"This is not a file of signed answers, or it is damaged ({clause}).")
