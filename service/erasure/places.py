"""Every table of the database, and what erasing one supplier, agency, case record or import does to its rows.

A table that is not listed here fails a test: whoever adds one has to say what becomes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Treatment = Literal["deleted", "withdrawn", "kept", "no_subject"]


@dataclass(frozen=True)
class Place:
    """What erasing does to the rows of a table that hold data about a subject, and why some of it stays.

    ``deleted``: the rows go. ``withdrawn``: the row stays without what it said about the subject. ``kept``: the row says
    something about the subject and stays. ``no_subject``: no row holds data about a supplier or a case.
    """

    treatment: Treatment
    why: str


PLACES: Mapping[str, Place] = {
    "accepted_key": Place("no_subject", "Keys of other installations; no supplier is named."),
    "answer_decision": Place("deleted", "Decisions on answers are deleted with their review."),
    "access_token": Place("no_subject", "Tokens belong to keys of the organisation."),
    "agency_name": Place("deleted", "The names of an agency are deleted with it."),
    "answer_file": Place(
        "deleted", "Files and their content are deleted with the questionnaire request that they were sent for."
    ),
    "api_key": Place("no_subject", "Keys belong to the organisation."),
    "asking": Place("deleted", "Questionnaire requests are deleted with the supplier they were sent to."),
    "audit_chain": Place("no_subject", "The length and the hash of the audit trail."),
    "audit_event": Place(
        "withdrawn",
        "The record of who did what and when is evidence. Events contain IDs, codes and counts, but no text; their "
        "details are erased.",
    ),
    "audit_link": Place("withdrawn", "The hash of an event is kept; the salt is erased together with the details."),
    "buyer_answers": Place("no_subject", "These are the organisation's answers about itself."),
    "calendar_link": Place("no_subject", "Calendar links of users; their entries name no supplier."),
    "campaign": Place(
        "withdrawn", "A campaign is kept, but if its name mentions the subject, the name is replaced by its due date."
    ),
    "campaign_supplier": Place("deleted", "The state of a questionnaire is deleted with its supplier."),
    "case_finding": Place("deleted", "Findings are deleted with their case record."),
    "case_record": Place("deleted", "Case records are deleted with the supplier they are about, or on their own."),
    "change": Place(
        "deleted", "All entries about it in the change feed are removed, except the one that records its deletion."
    ),
    "column_mapping": Place("no_subject", "Headers of sheets and the questions they answer, without any values."),
    "connected_system": Place("no_subject", "Systems of the organisation, and the fields that are written to them."),
    "delivery_attempt": Place("deleted", "Attempts to deliver a message are deleted with it."),
    "edition_entry": Place(
        "deleted",
        "The supplier's differences between two lists are deleted; if the later list was never confirmed, all "
        "of its differences are deleted.",
    ),
    "engagement": Place("kept", "Which agency a site uses is one of the site's answers."),
    "erasure": Place("no_subject", "It records that an organisation was erased, but not the organisation's name."),
    "draft_answer": Place("deleted", "What was entered through a link is deleted with the questionnaire request."),
    "exit_paper": Place("deleted", "Exit papers are deleted with the supplier."),
    "finding_answer": Place("deleted", "The supplier's reply to a finding is deleted with the finding."),
    "finding": Place("deleted", "Findings about a supplier are deleted with it, and findings of a case with the case."),
    "firing": Place("no_subject", "Runs of schedules name no supplier."),
    "heartbeat": Place("no_subject", "It is about the processes of the service."),
    "identity_provider": Place("no_subject", "It is about how users sign in."),
    "idempotent": Place(
        "withdrawn", "Stored replies that mention the subject are emptied; repeated requests return 410."
    ),
    "identity_proposal": Place("deleted", "Pairs that include the supplier are deleted with it."),
    "imported_bundle": Place("deleted", "The record of imported signed answers is deleted with the supplier."),
    "import": Place(
        "withdrawn",
        "Every import that may have contained the subject loses its files, its preview and its issues, because "
        "cells and file names may be about the subject. What it contained about others is kept. If the import "
        "itself is erased, it is deleted.",
    ),
    "job": Place("withdrawn", "Reports that may show the subject are withdrawn, and job parameters are emptied."),
    "logo": Place("no_subject", "The logo of the organisation."),
    "reviewed_text": Place(
        "no_subject", "Translations of texts for suppliers and workers, and the role of whoever checked them."
    ),
    "mail_text": Place("no_subject", "The wording of emails; placeholders stand for their subjects."),
    "merged_key": Place("deleted", "The keys of records that were merged into the supplier are deleted with it."),
    "message": Place(
        "deleted", "Messages about the supplier or case are deleted with it, whether they have been sent or not."
    ),
    "organisation": Place("no_subject", "The organisation itself, which is the customer."),
    "plan_version": Place("deleted", "Agreements with the supplier are deleted with it."),
    "portfolio_figure": Place("no_subject", "Figures of the whole portfolio, which name no supplier."),
    "questionnaire_review": Place("deleted", "A review is deleted with the questionnaire request."),
    "provider_account": Place("no_subject", "It is about users."),
    "provisioned_group": Place("no_subject", "It is about users."),
    "provisioned_member": Place("no_subject", "It is about users."),
    "provisioned_user": Place("no_subject", "It is about users."),
    "recovery_code": Place("no_subject", "It is about users."),
    "remedy_account": Place(
        "deleted", "Records of what a supplier's workers are owed and have been paid are deleted with it."
    ),
    "remedy_instalment": Place("deleted", "Instalments are deleted with their account."),
    "reply": Place("deleted", "The supplier's questions and answers are deleted with it."),
    "reply_finding": Place("deleted", "It is deleted with the reply and with the finding."),
    "referral_contact": Place("no_subject", "Organisations that help workers in a country; no supplier is named."),
    "result": Place(
        "deleted",
        "The results of the supplier are deleted. Those of others are kept, but without the name of the withdrawn file. "
        "A site's result keeps the score that an erased agency had.",
    ),
    "retaliation_check": Place("deleted", "Checks are deleted with their watch."),
    "retaliation_watch": Place(
        "deleted",
        "Records of whether a supplier's workers suffered for what they reported are deleted with the supplier.",
    ),
    "saved_filter": Place("deleted", "Saved filters that search for the subject are deleted."),
    "schedule": Place("no_subject", "Schedules select by date, not by supplier."),
    "second_factor": Place("no_subject", "It is about users."),
    "screening": Place("deleted", "Screenings are deleted with the supplier."),
    "sign_in": Place("no_subject", "It is about users."),
    "sign_in_attempt": Place("no_subject", "It is about users."),
    "step": Place("deleted", "The steps of the plan for a supplier are deleted with it."),
    "step_comment": Place("deleted", "Comments are deleted with the step."),
    "step_evidence": Place("deleted", "Evidence is deleted with the step, and its file with it."),
    "step_finding": Place("deleted", "It is deleted with the step and with the finding."),
    "step_proposal": Place("deleted", "The supplier's proposals are deleted with the step."),
    "step_request": Place("deleted", "Requests to an approver are deleted with the step."),
    "step_verification": Place("deleted", "Verifications are deleted with the step."),
    "supplier": Place("deleted", "The supplier is deleted. Mentions of it in the answers of other suppliers are kept."),
    "supplier_contact": Place("deleted", "The address for questionnaires is deleted with the supplier."),
    "supplier_count": Place("no_subject", "Counts of suppliers, which change when one is deleted."),
    "supplier_link": Place("deleted", "Its links are deleted with the supplier and no longer open anything."),
    "supplier_merge": Place("deleted", "Records of the suppliers that were merged into it are deleted with it."),
    "supplier_word": Place("deleted", "The search terms of a supplier are deleted with it."),
    "transition": Place("deleted", "The history of a finding or step is deleted with it."),
    "system_event": Place("no_subject", "It is about the installation and contains only IDs and counts."),
    "system_identifier": Place(
        "deleted",
        "The supplier's identifiers in other systems, and the record of what was sent to them, are "
        "deleted with it. Those systems keep what they received until someone deletes it there.",
    ),
    "system_push": Place("no_subject", "Attempts to push: codes and counts."),
    "unfinished_upload": Place("deleted", "Files whose upload is incomplete are deleted with their link."),
    "upload": Place("deleted", "The uploads of a withdrawn import are deleted, with their names and content."),
    "user": Place("no_subject", "Users belong to the organisation."),
    "survey_code": Place("deleted", "Unused codes are deleted with their survey."),
    "survey_count": Place("deleted", "Counts of answers are deleted when their survey is closed, or with it."),
    "watchlist": Place("no_subject", "Lists are published by others."),
    "watchlist_entry": Place(
        "kept", "Entries are published by others; they are not about suppliers of the organisation."
    ),
    "watchlist_match": Place("deleted", "Matches and the notes on them are deleted with the supplier."),
    "webhook_endpoint": Place("no_subject", "Addresses of the organisation's own systems."),
    "worker_survey": Place("deleted", "Surveys among the workers of a supplier are deleted with the supplier."),
}
