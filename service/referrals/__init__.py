"""The referral directory: who helps workers in each country, and where too few of them are known to contact workers."""
