"""The routes of users and API keys."""

from __future__ import annotations

from service.api import admin
from service.api.route import Route
from service.api.schemas.admin import (
    FILTERS,
    KEYS,
    NEW_USER,
    SESSIONS,
    USER_CHANGE,
    USERS,
    FilterSchema,
    KeyHandoverSchema,
    KeySchema,
    KeyWithTextSchema,
    UserSchema,
    UserWithPasswordSchema,
)

ROUTES: tuple[Route, ...] = (
    Route("GET", "/users", "list_users", admin.list_users, "List users.", USERS),
    Route("POST", "/users", "create_user", admin.create_user, "Create a user with a temporary password.",
          UserWithPasswordSchema(), (201,), "write", body=NEW_USER, secret=True),
    Route("PATCH", "/users/<user_id>", "change_user", admin.change_user,
          "Change a user's role, or deactivate or reactivate the user.",
          UserSchema(), transaction="write", body=USER_CHANGE),
    Route("POST", "/users/<user_id>/password", "reset_password", admin.reset_password,
          "Set a new temporary password and sign the user out.", UserWithPasswordSchema(), transaction="write",
          secret=True),
    Route("GET", "/users/<user_id>/sessions", "list_sessions", admin.list_sessions,
        "List a user's active sessions.", SESSIONS),
    Route("DELETE", "/users/<user_id>/sessions/<session_id>", "end_session", admin.end_session,
          "End one of a user's sessions.", None, (204,), "write"),
    Route("POST", "/users/<user_id>/second-factor/reset", "reset_second_factor", admin.reset_second_factor,
          "Remove a user's second factors and sign the user out.", UserSchema(), transaction="write"),
    Route("GET", "/users/<user_id>/filters", "list_filters", admin.list_filters,
        "List a user's saved filters.", FILTERS),
    Route("POST", "/users/<user_id>/filters", "save_filter", admin.save_filter, "Save a filter for a user.",
          FilterSchema(), (201,), "write", body=FilterSchema()),
    Route("DELETE", "/users/<user_id>/filters/<filter_id>", "delete_filter", admin.delete_filter,
          "Delete a user's saved filter.", None, (204,), "write"),
    Route("GET", "/keys", "list_keys", admin.list_keys, "List API keys, without the keys themselves.", KEYS),
    Route("POST", "/keys", "create_key", admin.create_key,
          "Create an API key. The key itself is returned only once.", KeyWithTextSchema(),
          (201,), "write", body=KeySchema(), secret=True),
    Route("PATCH", "/keys/<key_id>", "hand_over_key", admin.hand_over_key,
          "Hand an API key over to another user. A key that stopped when its owner lost access works again.", KeySchema(),
          transaction="write", body=KeyHandoverSchema()),
    Route("DELETE", "/keys/<key_id>", "revoke_key", admin.revoke_key, "Revoke an API key immediately.", None, (204,), "write"),
)  # fmt: skip
