"""The routes of connected systems, to which scores are written."""

from __future__ import annotations

from service.api import connected_systems
from service.api.route import FileTypes, Route
from service.api.schemas.connected_systems import (
    CONNECTED_SYSTEM_CHANGE,
    CONNECTED_SYSTEMS,
    SYSTEM_KINDS,
    SYSTEM_PUSHES,
    SYSTEM_REFUSALS,
    ConnectedSystemSchema,
    IdentifierFileSchema,
    IdentifierImportSchema,
    SystemPushRequestSchema,
)
from service.connected_systems.files import MEDIA_TYPES as SYSTEM_FILES

ROUTES: tuple[Route, ...] = (
    Route("GET", "/connected-system-kinds", "list_connected_system_kinds", connected_systems.list_kinds,
          "List the kinds of systems that scores can be written to, with their limits and sources.", SYSTEM_KINDS),
    Route("GET", "/connected-systems", "list_connected_systems", connected_systems.list_systems,
          "List connected systems, with the state of their pushes.", CONNECTED_SYSTEMS),
    Route("POST", "/connected-systems", "create_connected_system", connected_systems.create_system,
          "Create a connected system. Unless you specify a mapping, the default for its kind is used.", ConnectedSystemSchema(),
          (201,), "write", body=ConnectedSystemSchema()),
    Route("GET", "/connected-systems/<system_id>", "get_connected_system", connected_systems.get_system,
          "Get a connected system.", ConnectedSystemSchema(), (200, 304), versioned=True),
    Route("PATCH", "/connected-systems/<system_id>", "change_connected_system", connected_systems.change_system,
          "Change the given fields of a connected system, or enable or disable it.", ConnectedSystemSchema(),
          transaction="write", body=CONNECTED_SYSTEM_CHANGE, versioned=True),
    Route("DELETE", "/connected-systems/<system_id>", "delete_connected_system", connected_systems.delete_system,
          "Delete a connected system, with its supplier identifiers.", None, (204,), "write", versioned=True),
    Route("POST", "/connected-systems/<system_id>/push", "push_to_connected_system", connected_systems.push_now,
          "Push all values that have changed, including those rejected before.", ConnectedSystemSchema(), (202,), "write",
          body=SystemPushRequestSchema()),
    Route("GET", "/connected-systems/<system_id>/pushes", "list_connected_system_pushes", connected_systems.list_pushes,
          "List the latest push attempts, newest first.", SYSTEM_PUSHES),
    Route("GET", "/connected-systems/<system_id>/refusals", "list_connected_system_refusals",
          connected_systems.list_refusals, "List the suppliers that the system rejected in the last push.", SYSTEM_REFUSALS),
    Route("GET", "/connected-systems/<system_id>/file.<format>", "download_connected_system_file",
          connected_systems.download_file,
          "Download the values of all suppliers that have an identifier in the system, as CSV or JSON Lines.",
          FileTypes(tuple(SYSTEM_FILES.values())), transaction="own"),
    Route("POST", "/connected-systems/<system_id>/identifiers", "upload_system_identifiers",
          connected_systems.upload_identifiers,
          "Set supplier identifiers from a CSV file. If the file contains any error, nothing is saved.", IdentifierImportSchema(),
          transaction="write", body=IdentifierFileSchema()),
)  # fmt: skip
