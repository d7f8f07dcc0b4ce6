"""The routes of schedules."""

from __future__ import annotations

from service.api import schedules
from service.api.route import Route
from service.api.schemas.schedules import NEW_SCHEDULE, SCHEDULE_CHANGE, SCHEDULES, ScheduleSchema

ROUTES: tuple[Route, ...] = (
    Route("GET", "/schedules", "list_schedules", schedules.list_schedules, "List schedules with their next runs.",
          SCHEDULES),
    Route("POST", "/schedules", "create_schedule", schedules.create, "Create a schedule.", ScheduleSchema(), (201,),
          "write", body=NEW_SCHEDULE),
    Route("GET", "/schedules/<schedule_id>", "get_schedule", schedules.get_schedule,
          "Get a schedule with its next and last runs.",
          ScheduleSchema()),
    Route("PATCH", "/schedules/<schedule_id>", "change_schedule", schedules.change,
        "Change the given fields of a schedule.",
          ScheduleSchema(), transaction="write", body=SCHEDULE_CHANGE),
    Route("DELETE", "/schedules/<schedule_id>", "delete_schedule", schedules.delete, "Delete a schedule.", None, (204,),
          "write"),
)  # fmt: skip
