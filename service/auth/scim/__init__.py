"""Users and groups that an identity provider provisions through SCIM 2.0 (RFC 7643 and 7644)."""
