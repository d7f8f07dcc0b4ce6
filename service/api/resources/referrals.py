"""The routes of the referral directory."""

from __future__ import annotations

from service.api import referrals
from service.api.route import FileTypes, Route
from service.api.schemas.referrals import (
    NEW_REFERRAL_CONTACT,
    REFERRAL_CHANGE,
    REFERRAL_CONTACTS,
    REFERRAL_READINESS,
    ReferralCallSchema,
    ReferralContactSchema,
    ReferralFileSchema,
    ReferralImportSchema,
)

ROUTES: tuple[Route, ...] = (
    Route("GET", "/referral-contacts", "list_referral_contacts", referrals.list_contacts,
          "List the contacts of the referral directory by country, kind and name.", REFERRAL_CONTACTS),
    Route("POST", "/referral-contacts", "add_referral_contact", referrals.add_contact,
          "Add an organisation that helps workers to the referral directory.", ReferralContactSchema(), (201,), "write",
          body=NEW_REFERRAL_CONTACT, reading="referrals:read"),
    Route("GET", "/referral-contacts/<contact_id>", "get_referral_contact", referrals.get_contact,
          "Get a contact of the referral directory.", ReferralContactSchema(), (200, 304), versioned=True),
    Route("PATCH", "/referral-contacts/<contact_id>", "change_referral_contact", referrals.change_contact,
          "Change the given fields of a contact.", ReferralContactSchema(), transaction="write", body=REFERRAL_CHANGE,
          versioned=True, reading="referrals:read"),
    Route("DELETE", "/referral-contacts/<contact_id>", "delete_referral_contact", referrals.delete_contact,
          "Delete a contact of the referral directory.", None, (204,), "write", versioned=True),
    Route("POST", "/referral-contacts/<contact_id>/call", "confirm_referral_contact", referrals.confirm_contact,
          "Record that someone called a contact and confirmed that its entry is correct.", ReferralContactSchema(),
          transaction="write", body=ReferralCallSchema(), reading="referrals:read"),
    Route("GET", "/referral-directory/contacts.csv", "download_referral_contacts", referrals.download_contacts,
          "Download the referral directory as a CSV file.", FileTypes.of("csv"), transaction="own"),
    Route("POST", "/referral-directory/import", "upload_referral_contacts", referrals.upload_contacts,
          "Add and change contacts from a CSV file. If the file contains any error, nothing is saved.", ReferralImportSchema(),
          transaction="write", body=ReferralFileSchema()),
    Route("GET", "/referral-directory", "list_referral_readiness", referrals.list_readiness,
          "List what is missing from the referral directory in each country.", REFERRAL_READINESS),
)  # fmt: skip
