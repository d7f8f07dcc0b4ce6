"""The sandboxed process: it does one task on one file (:mod:`questionnaires.sandbox`), forked from a template that only waits.

The template parses nothing of a file. It hands over each task, collects what the process answers through a pipe of its own,
and ends it where it takes too long. No file can therefore affect the answer to another.
"""

from __future__ import annotations

import encodings.cp437  # noqa: F401  loaded by zipfile for names of parts, which would be too late
import gc
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy.ma  # noqa: F401  loaded by numpy.unique at its first use, which would be too late

from questionnaires.cell_reader import load_sheets
from questionnaires.find_tables import find_layout, find_tables, refuse_unclear_encoding
from questionnaires.form import list_form_ids, list_versions, load_combined_form, load_form
from questionnaires.header_words import load_header_words
from questionnaires.issues import UnusableSheet, parse_issue
from questionnaires.languages import list_languages, load_language
from questionnaires.layout.document import Layout
from questionnaires.layout.words import load_layout_words
from questionnaires.limits import FileRefused, Limits
from questionnaires.lookups import (
    load_cities,
    load_countries,
    load_regions,
    load_sectors,
    load_translated_sectors,
)
from questionnaires.marking.marked_file import build_marked_file
from questionnaires.marking.own_marks import drop_own_marks
from questionnaires.offline.collected import load_export_words, read_export
from questionnaires.offline.labels import load_country_codes
from questionnaires.offline.row_workbook import read_codes, read_row_workbook
from questionnaires.parse.evidence import load_spellings
from questionnaires.person_detection import detect_personal_data
from questionnaires.places import build_region_index
from questionnaires.proof_files import check_proof, encode_proof
from questionnaires.sandbox import ANSWER
from questionnaires.sheet import Sheet, apply_stamp, change_encoding, decode_layout, decode_sheets, encode_sheets
from questionnaires.sheet_view import view_read_sheets, view_sheets
from questionnaires.tables import (
    BUYER,
    COHORTS,
    STORED,
    TABLE_KINDS,
    TableOptions,
    encode_tables,
    encode_unusable,
)
from questionnaires.text_normalize import load_look_alikes
from questionnaires.validation.contradictions import load_contradictions
from questionnaires.validation.returned_forms import load_sensitive_questions
from questionnaires.workbook import load_template_texts

PIPE_BYTES = 1 << 20
CPU_CLOCK = 2  # of a process on Linux, together with its number, as clock_getcpuclockid(3) returns it


def read_sheets(data: bytes, limits: Limits, kind: str, name: str) -> bytes:
    """Return the sheets of a file, for :func:`questionnaires.sheet.read_sheets`."""
    return encode_sheets(drop_own_marks(_read_file(data, kind, name, limits, {}, None)))


def read_tables(data: bytes, limits: Limits, kind: str, name: str, options: Mapping[str, Any]) -> bytes:
    """Return the tables of a file, for :func:`questionnaires.tables.read_tables`."""
    stored, options = _load_sheets(data, limits, kind, name, options)
    sheets = drop_own_marks(stored)
    try:
        refuse_unclear_encoding(sheets, options["layout"])
        found = find_tables(sheets, name, TableOptions(**options))
    except UnusableSheet as unusable:
        layout = Layout.from_json(options["layout"] or {})
        views, kept = view_sheets(
            sheets, {sheet.name: row for sheet in layout.sheets if (row := sheet.chosen_header_row)}
        )
        redacted = None if kept is None else encode_sheets(kept)
        return encode_unusable(UnusableSheet(unusable.issue, list(map(asdict, views)), redacted))
    cleaned = () if found.redacted is None else decode_sheets(found.redacted, name, limits)
    views = view_read_sheets(sheets, cleaned)
    return encode_tables(replace(found, views=list(map(asdict, views))))


def read_layout(data: bytes, limits: Limits, kind: str, name: str, options: Mapping[str, Any]) -> bytes:
    """Return the layout of a file as JSON, for :func:`questionnaires.tables.read_layout`."""
    sheets, options = _load_sheets(data, limits, kind, name, options)
    return json.dumps(find_layout(drop_own_marks(sheets), name, TableOptions(**options)).to_json()).encode()


def mark_file(
    data: bytes, limits: Limits, kind: str, name: str, options: Mapping[str, Any], issues: Sequence[Mapping[str, Any]]
) -> bytes:
    """Return a file as a workbook with its problems marked, for :func:`questionnaires.marking.marked_file.mark_file`."""
    sheets, options = _load_sheets(data, limits, kind, name, options)
    return build_marked_file(data, kind, name, sheets, TableOptions(**options), list(map(parse_issue, issues)))


def _load_sheets(
    data: bytes, limits: Limits, kind: str, name: str, options: Mapping[str, Any]
) -> tuple[tuple[Sheet, ...], Mapping[str, Any]]:
    """Return the sheets of a file and the options to read them with; a file that was stored without its notes has its layout."""
    given = options["layout"]
    encoding = Layout.from_json(given or {}).chosen_encoding
    if kind != STORED:
        return _read_file(data, kind, name, limits, options["own_words"], encoding), options
    layout = decode_layout(data)
    if layout is not None and given is not None:
        layout = Layout.from_json(layout).with_changes(Layout.from_json(given)).to_json()
    sheets = tuple(
        change_encoding(sheet, encoding) if encoding in sheet.encodings else sheet
        for sheet in decode_sheets(data, name, limits)
    )
    return sheets, {**options, "layout": layout or given}


def _read_file(
    data: bytes, kind: str, name: str, limits: Limits, own_words: Mapping[str, Sequence[str]], encoding: str | None
) -> tuple[Sheet, ...]:
    sheets = load_sheets(data, kind, name, limits, encoding)
    codes = read_codes(sheets)
    return tuple(read_export(read_row_workbook(sheet, codes), own_words) for sheet in apply_stamp(sheets))


def read_proof(data: bytes, limits: Limits) -> bytes:
    """Return a file that proves something, for :func:`questionnaires.proof_files.read_proof`."""
    return encode_proof(check_proof(data, limits))


# Each takes the bytes of a file, the limits and its own arguments, and returns the bytes of its answer.
TASKS: Mapping[str, Callable[..., bytes]] = {
    "sheets": read_sheets,
    "tables": read_tables,
    "layout": read_layout,
    "marked": mark_file,
    "proof": read_proof,
}


def load_lists() -> None:
    """Load every list and form, once for all processes: these can open no file."""
    for load in (
        load_cities,
        load_countries,
        load_header_words,
        load_regions,
        load_sectors,
        load_contradictions,
        load_sensitive_questions,
        load_spellings,
        load_look_alikes,
        load_template_texts,
        load_layout_words,
        load_export_words,
        load_translated_sectors,
        load_country_codes,
    ):
        load()
    detect_personal_data("")
    for with_places in (False, True):
        build_region_index(with_places=with_places)
    for form_id in list_form_ids():
        for version in list_versions(form_id):
            load_form(form_id, version)
    for language in list_languages():
        load_language(language)
    for kind in (*TABLE_KINDS, BUYER, COHORTS):
        load_combined_form(kind)


def confine(limits: Limits) -> None:
    """Limit memory and CPU time of this process, and forbid it new files, connections and processes."""
    for kind, maximum in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_CPU, limits.seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 3),  # the three that are open: a file or a connection would be a fourth
    ):
        _, hard_limit = resource.getrlimit(kind)
        limit = maximum if hard_limit == resource.RLIM_INFINITY else min(maximum, hard_limit)
        resource.setrlimit(kind, (limit, limit))


def answer_task(task: str, arguments: Sequence[Any], limits: Limits, data: bytes) -> bytes:
    """Return the answer to a task: A and its content, R and why the file is refused, or F and where the fault of ours is."""
    try:
        return b"A" + TASKS[task](data, limits, *arguments)
    except FileRefused as refused:
        return b"R" + json.dumps({"refused": [refused.code, refused.extra]}).encode()
    except MemoryError:
        return b"R" + json.dumps({"refused": ["archive.expands_too_large", "There is not enough memory."]}).encode()
    except Exception as error:  # noqa: BLE001  reported with its place, without the text of a cell that its message may quote
        frames = traceback.extract_tb(error.__traceback__)
        places = ", ".join(f"{frame.name} ({os.path.basename(frame.filename)}:{frame.lineno})" for frame in frames)
        return b"F" + json.dumps({"fault": f"{type(error).__name__} in a sandboxed process: {places}"}).encode()


def serve() -> None:
    """Fork a process for each task that arrives on standard input, and write its answer to standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the caller, whose end ends this process
    load_lists()
    gc.collect()
    gc.freeze()
    gc.disable()  # no object here refers to itself
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    nowhere = os.open(os.devnull, os.O_RDWR)
    while header := requests.readline():
        task, arguments, limit_values, size = json.loads(header)
        limits, data = Limits(**limit_values), requests.read(size)
        status, chunks = run_confined(task, arguments, limits, data, nowhere)
        answers.write(ANSWER.pack(status, sum(map(len, chunks))))
        answers.writelines(chunks)
        answers.flush()
        del data, chunks


def read_cpu_seconds(process: int) -> float:
    """Return the CPU seconds that a child process has used; it need not have been waited for."""
    return time.clock_gettime(~process << 3 | CPU_CLOCK)


def run_confined(
    task: str, arguments: Sequence[Any], limits: Limits, data: bytes, nowhere: int
) -> tuple[int, list[bytes]]:
    """Return the exit status of a confined process that does a task, and what it answers.

    ``nowhere``: an open file for what it says otherwise.
    """
    read_end, write_end = os.pipe()
    process = os.fork()
    if not process:
        try:
            for target, source in ((0, nowhere), (1, write_end), (2, nowhere)):
                os.dup2(source, target)
            os.closerange(3, max(nowhere, read_end, write_end) + 1)
            confine(limits)
            answer = memoryview(answer_task(task, arguments, limits, data))
            while answer:
                answer = answer[os.write(1, answer) :]
            os._exit(0)
        finally:
            os._exit(1)  # whatever is raised here must not reach the template's loop
    os.close(write_end)
    chunks: list[bytes] = []
    active_at, used = time.monotonic(), 0.0
    end = active_at + limits.elapsed_seconds
    while (remaining := min(end, active_at + limits.idle_seconds) - time.monotonic()) > 0:
        if select.select([read_end], [], [], remaining)[0]:
            chunk = os.read(read_end, PIPE_BYTES)
            if not chunk:
                break
            chunks.append(chunk)
        if (cpu := read_cpu_seconds(process)) > used:
            active_at, used = time.monotonic(), cpu
    else:
        os.kill(process, signal.SIGKILL)
    os.close(read_end)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status), chunks
