"""Read models: what pages and API show, worked out from what is stored."""
