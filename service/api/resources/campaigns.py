"""The routes of campaigns, in which many suppliers are asked at once."""

from __future__ import annotations

from service.api import campaigns
from service.api.route import Route
from service.api.schemas.campaigns import (
    CAMPAIGN_LINKS,
    CAMPAIGN_SUPPLIERS,
    CAMPAIGNS,
    CampaignChangeSchema,
    CampaignLinksRequestSchema,
    CampaignPlanSchema,
    CampaignPreviewSchema,
    CampaignSchema,
    CampaignSuppliersChangeSchema,
    CampaignSuppliersQuerySchema,
    ChangedSuppliersSchema,
    NewCampaignSchema,
)

ROUTES: tuple[Route, ...] = (
    Route("GET", "/campaigns", "list_campaigns", campaigns.list_campaigns,
          "List campaigns, newest first. A campaign asks many suppliers to answer a questionnaire.", CAMPAIGNS),
    Route("POST", "/campaign-preview", "preview_campaign", campaigns.preview_campaign,
          "Preview a campaign: who would be asked, who would be left out, and why. Nothing is sent.", CampaignPreviewSchema(),
          body=CampaignPlanSchema()),
    Route("POST", "/campaigns", "start_campaign", campaigns.start_campaign,
          "Start a campaign: each supplier is sent a link to its questionnaire, and reminders until it has answered.",
          CampaignSchema(), (201,), "write", body=NewCampaignSchema(sent_as="NewCampaign"), reading="suppliers:read"),
    Route("GET", "/campaigns/<campaign_id>", "get_campaign", campaigns.get_campaign,
          "Get a campaign, with the number of its suppliers in each state.", CampaignSchema()),
    Route("PATCH", "/campaigns/<campaign_id>", "change_campaign", campaigns.change_campaign,
          "Pause, resume or cancel a campaign. Cancelling revokes its links permanently.", CampaignSchema(), transaction="write",
          body=CampaignChangeSchema(), reading="suppliers:read"),
    Route("GET", "/campaigns/<campaign_id>/suppliers", "list_campaign_suppliers", campaigns.list_suppliers,
          "List the suppliers of a campaign, with the state of each questionnaire.", CAMPAIGN_SUPPLIERS,
          query=CampaignSuppliersQuerySchema()),
    Route("POST", "/campaigns/<campaign_id>/suppliers", "change_campaign_suppliers", campaigns.change_suppliers,
          "Remind suppliers, ask those that were left out, cancel requests, or mark suppliers as bounced, refused or declined.",
          ChangedSuppliersSchema(),
          transaction="write", body=CampaignSuppliersChangeSchema()),
    Route("POST", "/campaigns/<campaign_id>/links", "create_campaign_links", campaigns.create_links,
          "Create a new link for each supplier, for you to send. The links are returned only once.", CAMPAIGN_LINKS,
          transaction="write", body=CampaignLinksRequestSchema(), secret=True),
)  # fmt: skip
