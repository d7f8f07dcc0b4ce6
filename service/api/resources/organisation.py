"""The routes of the organisation: its audit trail, the keys it accepts, sign-in, logo and release."""

from __future__ import annotations

from service.api import admin, answer_bundles, logos, release
from service.api.route import FileTypes, Multipart, Route
from service.api.schemas.admin import (
    AUDIT_PAGE,
    LOGO_UPLOAD,
    ORGANISATION_CHANGE,
    SIGN_IN_RULES_CHANGE,
    AuditQuerySchema,
    IdentityProviderSchema,
    LogoSchema,
    OrganisationSchema,
    SignInRulesSchema,
)
from service.api.schemas.answer_bundles import SENDER_KEYS, SenderKeySchema
from service.api.schemas.files import JobSchema
from service.api.schemas.release import PreviewFileQuerySchema, ReleaseDaySchema, ReleasePreviewSchema, ReleaseSchema
from service.api.schemas.suppliers import TABLE_FORMATS

ROUTES: tuple[Route, ...] = (
    Route("GET", "/audit", "list_audit_events", admin.list_audit_events,
        "List the audit trail, newest first.", AUDIT_PAGE,
          query=AuditQuerySchema()),
    Route("GET", "/sender-keys", "list_sender_keys", answer_bundles.list_sender_keys,
          "List the keys of other installations whose signed answers are accepted, newest first.", SENDER_KEYS),
    Route("POST", "/sender-keys", "accept_sender_key", answer_bundles.accept_sender_key,
          "Accept the key of another installation, after checking its fingerprint with its owner.", SenderKeySchema(), (201,),
          "write", body=SenderKeySchema()),
    Route("DELETE", "/sender-keys/<key_id>", "revoke_sender_key", answer_bundles.revoke_sender_key,
          "Revoke an accepted key permanently. Answers signed with it can no longer be imported; earlier ones are kept.",
          None, (204,), "write"),
    Route("GET", "/organisation", "get_organisation", admin.get_organisation, "Get the organisation that the API key belongs to.",
          OrganisationSchema()),
    Route("PATCH", "/organisation", "change_organisation", admin.change_organisation,
          "Set the organisation's retention period, in months.", OrganisationSchema(), transaction="write",
          body=ORGANISATION_CHANGE),
    Route("GET", "/organisation/sign-in", "get_sign_in_rules", admin.get_sign_in_rules,
          "Get the organisation's sign-in rules.", SignInRulesSchema()),
    Route("PATCH", "/organisation/sign-in", "change_sign_in_rules", admin.change_sign_in_rules,
          "Change the given sign-in rules of the organisation.", SignInRulesSchema(), transaction="write",
          body=SIGN_IN_RULES_CHANGE),
    Route("GET", "/organisation/identity-provider", "get_identity_provider", admin.get_identity_provider,
          "Get the identity provider through which users sign in.", IdentityProviderSchema(), optional=True),
    Route("PUT", "/organisation/identity-provider", "put_identity_provider", admin.put_identity_provider,
          "Save the identity provider through which users sign in.", IdentityProviderSchema(), transaction="write",
          body=IdentityProviderSchema()),
    Route("DELETE", "/organisation/identity-provider", "delete_identity_provider", admin.delete_identity_provider,
          "Remove the identity provider.", None, (204,), "write", optional=True),
    Route("GET", "/organisation/logo", "download_logo", logos.download_logo,
          "Get the logo shown on the organisation's reports.", FileTypes(("image/png",)), transaction="own"),
    Route("POST", "/organisation/logo", "upload_logo", logos.upload_logo,
          "Upload a logo for the organisation's reports, as a PNG or JPEG file. It replaces any earlier logo.",
          LogoSchema(), (201,),
          "write", form=Multipart(LOGO_UPLOAD, {"file": ("image/png", "image/jpeg")})),
    Route("DELETE", "/organisation/logo", "remove_logo", logos.remove_logo, "Remove the logo.", None, (204,), "write"),
    Route("GET", "/organisation/release", "get_release", release.get_release,
          "Get the release of the method in use, the day from which the next one applies, and its latest preview.",
          ReleaseSchema()),
    Route("PUT", "/organisation/release", "set_release_day", release.set_day,
          "Set the day from which the next release applies. You can change it until that day.", ReleaseSchema(),
          transaction="write", body=ReleaseDaySchema()),
    Route("POST", "/organisation/release/cancel", "cancel_release_day", release.cancel_day,
          "Remove the day from which the next release applies.", ReleaseSchema(), transaction="write"),
    Route("POST", "/organisation/release/preview", "request_release_preview", release.request_preview,
          "Request a preview of the next release: which suppliers would change level, and why.", ReleasePreviewSchema(), (202,),
          "write"),
    Route("GET", "/organisation/release/preview/file", "download_release_preview", release.download_preview,
          "Download the latest preview as a file that lists all suppliers.", FileTypes.of(*TABLE_FORMATS), transaction="own",
          query=PreviewFileQuerySchema()),
    Route("POST", "/organisation/release/reassessment", "reassess_all", release.reassess,
          "Reassess all suppliers under the release in use.", JobSchema(), (202,), "write"),
)  # fmt: skip
