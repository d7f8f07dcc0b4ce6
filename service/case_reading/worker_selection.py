"""Who chose the workers that somebody spoke to, before an emergency is closed or a step is verified.

Those whom the management chose are often coached or afraid (SAFE-6), so what they say closes nothing.
"""

from __future__ import annotations

from typing import Final

MANAGEMENT: Final = "management"
NO_ONE: Final = "no_one"
CHOSEN_BY = {
    "workers": "The workers themselves",
    "worker_organisation": "A union, a worker committee or an NGO",
    "interviewer": "An independent interviewer",
    "authority": "An authority",
    MANAGEMENT: "Management of the site or agency",
    NO_ONE: "No one: no workers were spoken to",
}
