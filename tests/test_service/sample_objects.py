"""Values for the variables of routes: for each an object of an organisation, or a word.

The tests of access call every route with them, so a route with a new variable needs a line below.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta

from sqlalchemy.orm import Session

from service.clock import now
from service.db.account_tables import ApiKey, SignIn, User
from service.db.approval_tables import StepRequest
from service.db.bundle_tables import AcceptedKey, ImportedBundle
from service.db.buyer_tables import BuyerAnswers
from service.db.calendar_tables import CalendarLink
from service.db.campaign_tables import Campaign, CampaignSupplier, SupplierContact
from service.db.case_tables import StoredCase, StoredFinding
from service.db.edition_tables import EditionEntry
from service.db.exit_tables import ExitPaper
from service.db.identity_tables import IdentityProposal, SupplierMerge
from service.db.import_tables import ColumnMapping, Import
from service.db.job_tables import Job, Schedule
from service.db.link_tables import AnswerFile, DraftAnswer, FindingAnswer, StepProposal, SupplierLink, UnfinishedUpload
from service.db.outbox_tables import DeliveryAttempt, MailText, Message, WebhookEndpoint
from service.db.redress_tables import RemedyAccount, RemedyInstalment
from service.db.referral_tables import ReferralContact
from service.db.remediation_tables import (
    Finding,
    PlanVersion,
    Reply,
    ReplyFinding,
    Step,
    StepComment,
    StepEvidence,
    StepFinding,
    StepVerification,
    Transition,
)
from service.db.retaliation_tables import RetaliationCheck, RetaliationWatch
from service.db.review_tables import AnswerDecision, QuestionnaireReview
from service.db.scim_tables import ProvisionedGroup, ProvisionedMember, ProvisionedUser
from service.db.sign_in_tables import AccessToken, IdentityProvider, ProviderAccount, RecoveryCode, SecondFactor
from service.db.system_tables import ConnectedSystem, SystemIdentifier, SystemPush
from service.db.tables import MergedKey, QuestionnaireRequest, Result, SavedFilter, Supplier, new_id
from service.db.translation_tables import ReviewedText
from service.db.watchlist_tables import Screening, Watchlist, WatchlistMatch
from service.db.worker_voice_tables import SurveyCode, SurveyCount, WorkerSurvey
from service.translations.catalog import Text

Ids = Mapping[str, str]


def make_user(session: Session, ids: Ids) -> User:
    mail = f"{new_id()}@harbour.example"
    return User(email=mail, name="Bo", password_hash="", role="viewer", created_at=now())


def make_key(session: Session, ids: Ids) -> ApiKey:
    at, scopes = now(), ["assess"]
    end = at + timedelta(days=1)
    return ApiKey(name="Portal", prefix="abcdefgh", key_hash=new_id(), scopes=scopes, created_at=at, expires_at=end)


def make_supplier(session: Session, ids: Ids) -> Supplier:
    at = now()
    return Supplier(
        kind="site",
        key=new_id(),
        name="Blue Pier Cannery",
        company_key="blue pier cannery",
        answers={"name": "Blue Pier Cannery", "country": "TH"},
        created_at=at,
        updated_at=at,
    )


def make_merged_key(session: Session, ids: Ids) -> MergedKey:
    fields = {"kind": "site", "key": "ref:s2", "named": "S-2", "merged_at": now()}
    return MergedKey(supplier_id=ids["supplier_id"], **fields)


def make_request(session: Session, ids: Ids) -> QuestionnaireRequest:
    form = {"form": "site", "form_version": "2026.1", "sent_to": "the manager", "sent_on": now().date()}
    return QuestionnaireRequest(supplier_id=ids["supplier_id"], created_by="user:ana", **form)


def make_import(session: Session, ids: Ids) -> Import:
    return Import(uploads=[], choices={}, state="previewed", found={}, created_by="user:ana", created_at=now())


def make_job(session: Session, ids: Ids) -> Job:
    return Job(kind="render_report", payload={}, not_before=now(), created_by="user:ana", created_at=now())


def make_schedule(session: Session, ids: Ids) -> Schedule:
    due = now() + timedelta(days=30)
    more = {"time_zone": "UTC", "next_due": due, "created_by": "user:ana", "created_at": now()}
    return Schedule(name="Every spring", rule={}, **more)


def make_result(session: Session, ids: Ids) -> Result:
    at = now()
    numbers = dict.fromkeys(("score", "best", "worst", "inherent", "confidence", "coverage"), 50.0)
    fields = {"model": "site_general", "model_version": "2026.1", "engine": "2026.1", "facts_digest": "0" * 64}
    return Result(
        supplier_id=ids["supplier_id"],
        cause="api",
        on=at.date(),
        answers={"name": "Blue Pier Cannery", "country": "TH"},
        agency_scores={},
        place={},
        level="high",
        inherent_level="high",
        created_at=at,
        **fields,
        **numbers,
    )


def make_filter(session: Session, ids: Ids) -> SavedFilter:
    return SavedFilter(user_id=ids["user_id"], name="Fishing", query={})


def make_watchlist(session: Session, ids: Ids) -> Watchlist:
    file_summary = {"form": "own", "rows": 1, "rejected": 0, "left_out": {}}
    return Watchlist(name="Held at the border", file_summary=file_summary, imported_by="user:ana", created_at=now())


def make_match(session: Session, ids: Ids) -> WatchlistMatch:
    why = {"by": "name", "role": "site", "given": "Blue Pier Cannery", "listed": "Blue Pier", "score": 0.93}
    content = {
        **dict.fromkeys(("kind", "imo", "lei", "list", "listed_on", "reason", "source"), ""),
        "names": ["Blue Pier"],
        "countries": ["TH"],
        "licences": [],
    }
    return WatchlistMatch(
        supplier_id=ids["supplier_id"],
        watchlist_id=ids["watchlist_id"],
        entry_key="1",
        state="open",
        fingerprint="0" * 64,
        why={**why, "agreed": [["blue", "blue"], ["pier", "pier"]], "countries": "agree"},
        content=content,
        found_at=now(),
    )


def make_screening(session: Session, ids: Ids) -> Screening:
    fields = {"supplier_id": ids["supplier_id"], "watchlist_id": ids["watchlist_id"]}
    return Screening(edition=new_id(), identity="0" * 64, at=now(), **fields)


def buyer_answers(session: Session, ids: Ids) -> BuyerAnswers:
    fields = {"unit": "outdoorwear", "form_version": "2026.1", "on": now().date()}
    return BuyerAnswers(
        answers={"name": "Outdoor wear", "payment_days": 95.0}, created_by="user:ana", created_at=now(), **fields
    )


def make_case(session: Session, ids: Ids) -> StoredCase:
    group = {"nationality": "NP", "job": "Sewing operator", "intake_from": "2025", "intake_to": None, "people": 12.0}
    fields = {"number": "C-1", "key": "c 1", "age_group": "adults", "acts": ["recruitment"], "asked_in_full": []}
    by = {"created_by": "user:ana", "created_at": now(), "strength_since": now(), "strength": 3}
    return StoredCase(supplier_id=ids["supplier_id"], cohort=group, **fields, **by)


def make_case_finding(session: Session, ids: Ids) -> StoredFinding:
    fields = {"finding": "locked_in", "phase": "work", "found": True, "source": "grievance", "found_on": "2026-11-01"}
    by = {"created_by": "user:ana", "created_at": now()}
    return StoredFinding(case_id=ids["case_id"], number=1, **fields, **by)


def make_proposal(session: Session, ids: Ids) -> IdentityProposal:
    other = make_supplier(session, ids)
    session.add(other)
    session.flush()
    pair = {"first_id": ids["supplier_id"], "second_id": other.id}
    return IdentityProposal(kind="site", reasons=["same_name"], fingerprint="0" * 64, found_at=now(), **pair)


def make_merge(session: Session, ids: Ids) -> SupplierMerge:
    source = {"kind": "site", "key": "ref:old", "name": "Blue Pier", "reference": "OLD"}
    fields = {"supplier_id": ids["supplier_id"], "source_id": new_id(), "source": source, "moved": {}, "answers": {}}
    return SupplierMerge(merged_by="user:ana", merged_at=now(), undone_at=now(), **fields)


def make_contact(session: Session, ids: Ids) -> ReferralContact:
    fields = {
        "country": "TH",
        "kind": "hotline",
        "name": "Harbour Helpline",
        "reach": "+66 2 000 0000",
        "hours": "",
        "note": "",
    }
    return ReferralContact(languages=["th"], not_safe_for=[], created_by="user:ana", created_at=now(), **fields)


def make_mapping(session: Session, ids: Ids) -> ColumnMapping:
    fields = {"kind": "site", "headers": ["Alpha", "Beta"], "columns": {"name": "Beta"}}
    return ColumnMapping(fingerprint="0" * 64, confirmed_by="user:ana", confirmed_at=now(), **fields)


def make_finding(session: Session, ids: Ids) -> Finding:
    at = now()
    fields = {"kind": "indicator", "about": "debt_bondage", "source_class": "self_declared", "worker_derived": False}
    days = {"found_on": at.date(), "raised_on": at.date(), "created_at": at, "updated_at": at}
    supplier_id = ids["supplier_id"]
    return Finding(supplier_id=supplier_id, record_id=supplier_id, created_by="user:ana", **fields, **days)


def make_plan_version(session: Session, ids: Ids) -> PlanVersion:
    supplier_id, at = ids["supplier_id"], now()
    by = {"created_by": "user:ana", "created_at": at}
    agreed = {"agreed_on": at.date(), "agreed_how": "signed"}
    return PlanVersion(supplier_id=supplier_id, record_id=supplier_id, version=1, **agreed, **by)


def make_step(session: Session, ids: Ids) -> Step:
    at = now()
    fields = {"action": "stop_deductions", "actions_release": "2026.4", "actions_digest": "0" * 64, "party": "supplier"}
    flags = {"safety": False, "needs_workers": True, "worker_derived": False}
    times = {"due": at.date(), "created_by": "user:ana", "created_at": at, "updated_at": at}
    supplier_id = ids["supplier_id"]
    return Step(supplier_id=supplier_id, record_id=supplier_id, **fields, **flags, **times)


def make_step_finding(session: Session, ids: Ids) -> StepFinding:
    return StepFinding(step_id=ids["step_id"], finding_id=ids["finding_id"])


def make_step_evidence(session: Session, ids: Ids) -> StepEvidence:
    fields = {"kind": "document", "reference": "Payroll of May", "worker_derived": False}
    return StepEvidence(step_id=ids["step_id"], submitted_by="user:ana", submitted_at=now(), **fields)


def make_verification(session: Session, ids: Ids) -> StepVerification:
    fields = {"outcome": "verified", "source": "union_ngo", "checked_on": now().date()}
    workers = {
        "workers": 8,
        "chosen_by": "worker_organisation",
        "confirmed_percent": 90,
        "asked_about_retaliation": True,
    }
    return StepVerification(step_id=ids["step_id"], verified_by="user:bo", verified_at=now(), **fields, **workers)


def make_comment(session: Session, ids: Ids) -> StepComment:
    return StepComment(step_id=ids["step_id"], text="Called the manager.", created_by="user:ana", created_at=now())


def make_transition(session: Session, ids: Ids) -> Transition:
    values = {"field": "state", "from_value": "planned", "to_value": "agreed"}
    return Transition(step_id=ids["step_id"], actor="user:ana", at=now(), **values)


def make_reply(session: Session, ids: Ids) -> Reply:
    at, supplier_id = now(), ids["supplier_id"]
    sent = {"text": "We found that workers may have paid fees.", "safety": False, "sent_on": at.date()}
    by = {"due_at": at + timedelta(days=14), "created_by": "user:ana", "created_at": at}
    return Reply(supplier_id=supplier_id, record_id=supplier_id, **sent, **by)


def make_reply_finding(session: Session, ids: Ids) -> ReplyFinding:
    return ReplyFinding(reply_id=ids["reply_id"], finding_id=ids["finding_id"])


def make_account(session: Session, ids: Ids) -> RemedyAccount:
    at, supplier_id = now(), ids["supplier_id"]
    amounts = {"low": "900.00", "central": "1200.00", "high": "1500.00"}
    cohort = {"cohort": "NP-2025", "origin": "NP", "destination": "TH", "workers": 12, **amounts}
    sums = {"currency": "USD", "workers": 12, "cohorts": [cohort], "measures": [], "complete": True, **amounts}
    rules = {"rules_version": "2026.1", "rules_digest": "0" * 64, "calculated_on": at.date(), "deadline": at.date()}
    by = {"created_by": "user:ana", "created_at": at}
    return RemedyAccount(supplier_id=supplier_id, record_id=supplier_id, **sums, **rules, **by)


def make_instalment(session: Session, ids: Ids) -> RemedyInstalment:
    fields = {"number": 1, "due": now().date(), "cohort": "NP-2025", "staff": "current", "workers": 12}
    return RemedyInstalment(account_id=ids["account_id"], amount="1200.00", **fields)


def make_endpoint(session: Session, ids: Ids) -> WebhookEndpoint:
    keys = {"salt": "0" * 64, "secret_digest": "0" * 64}
    more = {"events": ["level.changed"], "created_by": "user:ana", "created_at": now()}
    return WebhookEndpoint(url="https://erp.harbour.example/hook", **keys, **more)


def make_message(session: Session, ids: Ids) -> Message:
    at = now()
    about = {"supplier_id": ids["supplier_id"], "payload": {"supplier_id": ids["supplier_id"], "to": "high"}}
    whom = {"recipient": ids["endpoint_id"], "endpoint_id": ids["endpoint_id"], "language": "en"}
    times = {"next_attempt_at": at, "give_up_at": at, "created_at": at}
    fields = {"kind": "webhook", "event": "level.changed", "occasion": new_id(), "state": "failed"}
    return Message(**fields, **about, **whom, **times)


def make_attempt(session: Session, ids: Ids) -> DeliveryAttempt:
    fields = {"code": "http.500", "status": 500, "milliseconds": 12}
    return DeliveryAttempt(message_id=ids["message_id"], number=1, at=now(), **fields)


def make_mail_text(session: Session, ids: Ids) -> MailText:
    fields = {"subject": "A step is due", "body": "Please sign in.", "changed_by": "user:ana", "changed_at": now()}
    return MailText(event="step.due", language="en", **fields)


def make_reviewed_text(session: Session, ids: Ids) -> ReviewedText:
    fields = {"wording": ["ดำเนินการต่อ"], "is_own": False, "state": "confirmed", "reviewer": "translator"}
    text = Text("pages", "Continue")
    return ReviewedText(
        language="th", key=text.key, kind="pages", english="Continue", reviewed_on=now().date(), **fields
    )


def make_link(session: Session, ids: Ids) -> SupplierLink:
    at, supplier_id = now(), ids["supplier_id"]
    fields = {
        "purpose": "plan",
        "addressee": "management",
        "token_hash": new_id(),
        "expires_at": at + timedelta(days=30),
    }
    by = {"created_by": "user:ana", "created_at": at}
    return SupplierLink(supplier_id=supplier_id, record_id=supplier_id, **fields, **by)


def make_finding_answer(session: Session, ids: Ids) -> FindingAnswer:
    sent = {"position": "disputes", "text": "The agency paid.", "sent_by": f"link:{ids['link_id']}", "sent_at": now()}
    return FindingAnswer(reply_id=ids["reply_id"], finding_id=ids["finding_id"], **sent)


def make_step_proposal(session: Session, ids: Ids) -> StepProposal:
    sent = {"text": "The agency has to pay first.", "sent_by": f"link:{ids['link_id']}", "sent_at": now()}
    return StepProposal(step_id=ids["step_id"], due=now().date(), cost_shared_by="agency", **sent)


def make_supplier_contact(session: Session, ids: Ids) -> SupplierContact:
    return SupplierContact(
        supplier_id=ids["supplier_id"], email="office@cannery.example", confirmed_by="user:ana", confirmed_at=now()
    )


def make_campaign(session: Session, ids: Ids) -> Campaign:
    return Campaign(
        name="Canneries", due_on=now().date(), channel="mail", state="running", created_by="user:ana", created_at=now()
    )


def make_campaign_supplier(session: Session, ids: Ids) -> CampaignSupplier:
    at = now()
    fields = {
        "form": "site",
        "form_version": "2026.1",
        "language": "en",
        "state": "sent",
        "due_at": at,
        "changed_at": at,
    }
    of = {name: ids[name] for name in ("campaign_id", "supplier_id", "asking_id")}
    return CampaignSupplier(**of, **fields)


def make_draft_answer(session: Session, ids: Ids) -> DraftAnswer:
    entered = {"entered_by": f"link:{ids['link_id']}", "entered_at": now(), "replaced_unseen": False}
    return DraftAnswer(asking_id=ids["asking_id"], question="workers_total", version=1, text="120", **entered)


def make_answer_file(session: Session, ids: Ids) -> AnswerFile:
    file = {"sha256": new_id(), "media_type": "application/pdf", "size": 12}
    sent = {"sent_by": f"link:{ids['link_id']}", "sent_at": now()}
    about = {"question": "workers_total", "kind": "document", "dated": now().date()}
    return AnswerFile(asking_id=ids["asking_id"], **about, **file, **sent)


def make_unfinished_upload(session: Session, ids: Ids) -> UnfinishedUpload:
    return UnfinishedUpload(
        link_id=ids["link_id"], size=12, received=0, pieces=[], expires_at=now() + timedelta(days=1)
    )


def make_review(session: Session, ids: Ids) -> QuestionnaireReview:
    by = {"changed_by": "user:ana", "changed_at": now()}
    return QuestionnaireReview(asking_id=ids["asking_id"], state="in_review", **by)


def make_decision(session: Session, ids: Ids) -> AnswerDecision:
    by = {"decided_by": "user:ana", "decided_at": now()}
    about = {"question": "workers_total", "decision": "asked_back", "answers": [120.0], "reason": "Since when?"}
    return AnswerDecision(review_id=ids["review_id"], **about, **by)


def make_accepted_key(session: Session, ids: Ids) -> AcceptedKey:
    by = {"accepted_by": "user:ana", "accepted_at": now()}
    return AcceptedKey(name="Quay Trading", public_key="A" * 43 + "=", fingerprint=new_id(), **by)


def make_imported_bundle(session: Session, ids: Ids) -> ImportedBundle:
    form = {"form": "site", "form_version": "2026.6", "answered_on": now().date(), "digest": new_id()}
    by = {"imported_by": "user:ana", "imported_at": now()}
    return ImportedBundle(supplier_id=ids["supplier_id"], key_id=ids["accepted_key_id"], **form, **by)


def make_step_request(session: Session, ids: Ids) -> StepRequest:
    asked = {"kind": "withheld", "reason": "The shelter is closed.", "asked_by": "user:ana", "asked_at": now()}
    return StepRequest(step_id=ids["step_id"], **asked)


def make_calendar_link(session: Session, ids: Ids) -> CalendarLink:
    return CalendarLink(user_id=ids["user_id"], scope="mine", token_hash=new_id(), created_at=now())


def make_session(session: Session, ids: Ids) -> SignIn:
    at = now()
    times = {"created_at": at, "seen_at": at, "expires_at": at + timedelta(days=1)}
    return SignIn(user_id=ids["user_id"], token_hash=new_id(), **times)


def make_factor(session: Session, ids: Ids) -> SecondFactor:
    fields = {"kind": "totp", "name": "Authenticator app", "secret": "k.x", "created_at": now()}
    return SecondFactor(user_id=ids["user_id"], **fields)


def make_recovery_code(session: Session, ids: Ids) -> RecoveryCode:
    return RecoveryCode(user_id=ids["user_id"], code_hash=new_id())


def make_provider(session: Session, ids: Ids) -> IdentityProvider:
    fields = {
        "issuer": "https://login.example",
        "client_id": "diligence",
        "client_secret": "k.x",
        "group_claim": "groups",
    }
    return IdentityProvider(name="Harbour ID", roles={"staff": "viewer"}, changed_at=now(), **fields)


def make_provider_account(session: Session, ids: Ids) -> ProviderAccount:
    at = now()
    whose = {"provider_id": ids["provider_id"], "user_id": ids["user_id"]}
    return ProviderAccount(subject="bo", checked_at=at, confirmed_at=at, **whose)


def make_provisioned_user(session: Session, ids: Ids) -> ProvisionedUser:
    known = {"attributes": {"userName": "bo", "active": True}, "access": "given"}
    return ProvisionedUser(user_id=ids["user_id"], user_name="bo", changed_at=now(), **known)


def make_provisioned_group(session: Session, ids: Ids) -> ProvisionedGroup:
    at = now()
    return ProvisionedGroup(display_name="staff", created_at=at, changed_at=at)


def make_provisioned_member(session: Session, ids: Ids) -> ProvisionedMember:
    return ProvisionedMember(group_id=ids["provisioned_group_id"], user_id=ids["user_id"])


def make_token(session: Session, ids: Ids) -> AccessToken:
    at = now()
    fields = {"scopes": ["assess"], "created_at": at, "expires_at": at + timedelta(minutes=15)}
    return AccessToken(key_id=ids["key_id"], token_hash=new_id(), **fields)


def make_watch(session: Session, ids: Ids) -> RetaliationWatch:
    at, supplier_id = now(), ids["supplier_id"]
    by = {"created_by": "system:remediation", "created_at": at}
    return RetaliationWatch(supplier_id=supplier_id, record_id=supplier_id, started_on=at.date(), **by)


def make_check(session: Session, ids: Ids) -> RetaliationCheck:
    session.add(RetaliationCheck(watch_id=ids["watch_id"], month=12, due=now().date() + timedelta(days=330)))
    return RetaliationCheck(watch_id=ids["watch_id"], month=1, due=now().date())


def make_exit_paper(session: Session, ids: Ids) -> ExitPaper:
    supplier_id, by = ids["supplier_id"], {"created_by": "user:ana", "created_at": now()}
    fields = {"state": "draft", "leverage": [], "authors": [ids["user_id"]], "effect": "40 people lose their jobs."}
    return ExitPaper(supplier_id=supplier_id, record_id=supplier_id, **fields, **by)


def make_edition_entry(session: Session, ids: Ids) -> EditionEntry:
    entry = {"position": 1, "kind": "site", "state": "changed", "name": "Blue Pier", "changes": [], "reasons": []}
    return EditionEntry(import_id=ids["import_id"], supplier_id=ids["supplier_id"], **entry)


def make_survey(session: Session, ids: Ids) -> WorkerSurvey:
    supplier_id, on = ids["supplier_id"], now().date()
    run = {"run_by": "union", "runner": "Packers' union", "chosen_by": "worker_organisation", "languages": ["en"]}
    days = {"opens_on": on, "closes_on": on + timedelta(days=14), "created_by": "user:ana", "created_at": now()}
    fields = {"form_version": "2026.1", "address": new_id()[:12], "country": "TH", "workers": 40, "groups": ["all"]}
    return WorkerSurvey(supplier_id=supplier_id, record_id=supplier_id, accepted={}, **run, **days, **fields)


def make_survey_code(session: Session, ids: Ids) -> SurveyCode:
    return SurveyCode(survey_id=ids["survey_id"], code_hash=new_id())


def make_survey_count(session: Session, ids: Ids) -> SurveyCount:
    return SurveyCount(survey_id=ids["survey_id"], group="all", statement="violence", answer="true", workers=3)


def make_system(session: Session, ids: Ids) -> ConnectedSystem:
    options = {"api_version": "62.0", "object": "Account", "external_id": "Supplier_Number__c"}
    fields = {"name": "CRM", "address": "https://crm.example", "options": options, "mapping": {"Score__c": "score"}}
    return ConnectedSystem(kind="salesforce", created_by="user:ana", created_at=now(), **fields)


def make_system_identifier(session: Session, ids: Ids) -> SystemIdentifier:
    fields = {"identifier": new_id(), "set_by": "user:ana", "set_at": now()}
    return SystemIdentifier(system_id=ids["system_id"], supplier_id=ids["supplier_id"], **fields)


def make_push(session: Session, ids: Ids) -> SystemPush:
    fields = {"code": "http.200", "status": 200, "accepted": 1, "refused": 0, "milliseconds": 12}
    return SystemPush(system_id=ids["system_id"], number=1, at=now(), **fields)


OBJECTS: dict[str, Callable[[Session, Ids], object]] = {
    "user_id": make_user,
    "key_id": make_key,
    "supplier_id": make_supplier,
    "merged_key_id": make_merged_key,
    "asking_id": make_request,
    "questionnaire_id": make_request,  # the same in the addresses of the API
    "request_id": make_request,  # the same in the addresses of pages
    "import_id": make_import,
    "mapping_id": make_mapping,
    "job_id": make_job,
    "schedule_id": make_schedule,
    "filter_id": make_filter,
    "result_id": make_result,
    "watchlist_id": make_watchlist,
    "match_id": make_match,
    "screening_id": make_screening,
    "answers_id": buyer_answers,
    "case_id": make_case,
    "case_finding_id": make_case_finding,
    "proposal_id": make_proposal,
    "merge_id": make_merge,
    "finding_id": make_finding,
    "plan_version_id": make_plan_version,
    "step_id": make_step,
    "step_finding_id": make_step_finding,
    "evidence_id": make_step_evidence,
    "verification_id": make_verification,
    "comment_id": make_comment,
    "transition_id": make_transition,
    "reply_id": make_reply,
    "reply_finding_id": make_reply_finding,
    "link_id": make_link,
    "answer_id": make_finding_answer,
    "step_proposal_id": make_step_proposal,
    "draft_id": make_draft_answer,
    "review_id": make_review,
    "decision_id": make_decision,
    "accepted_key_id": make_accepted_key,
    "bundle_id": make_imported_bundle,
    "supplier_contact_id": make_supplier_contact,
    "campaign_id": make_campaign,
    "campaign_supplier_id": make_campaign_supplier,
    "file_id": make_answer_file,
    "upload_id": make_unfinished_upload,
    "account_id": make_account,
    "instalment_id": make_instalment,
    "step_request_id": make_step_request,
    "calendar_link_id": make_calendar_link,
    "session_id": make_session,
    "factor_id": make_factor,
    "recovery_code_id": make_recovery_code,
    "access_token_id": make_token,
    "provider_id": make_provider,
    "provider_account_id": make_provider_account,
    "provisioned_user_id": make_provisioned_user,
    "provisioned_group_id": make_provisioned_group,
    "provisioned_member_id": make_provisioned_member,
    "watch_id": make_watch,
    "check_id": make_check,
    "exit_paper_id": make_exit_paper,
    "survey_id": make_survey,
    "survey_code_id": make_survey_code,
    "survey_count_id": make_survey_count,
    "endpoint_id": make_endpoint,
    "message_id": make_message,
    "attempt_id": make_attempt,
    "text_id": make_mail_text,
    "reviewed_text_id": make_reviewed_text,
    "contact_id": make_contact,
    "edition_entry_id": make_edition_entry,
    "system_id": make_system,
    "system_identifier_id": make_system_identifier,
    "system_push_id": make_push,
}
# These belong to no organisation: they are the same for all.
WORDS = {
    "format": "csv",
    "view": "inherent",
    "form_id": "site",
    "model_id": "site_fishing",
    "piece_id": "0123456789ab",
    "number": "1",
    "event": "step.due",
    "language": "en",
    "address": "acdefghjklmn",
    "scim_path": "Users",
}


def create_all(session: Session) -> dict[str, str]:
    """One object of every kind in the organisation of the session: variable -> id."""
    ids: dict[str, str] = {}
    for variable, make in OBJECTS.items():
        row = make(session, ids)
        session.add(row)
        session.flush()
        ids[variable] = row.id
    return ids


def build_unknown_ids() -> dict[str, str]:
    """Ids that nothing has."""
    return {variable: new_id() for variable in OBJECTS}
