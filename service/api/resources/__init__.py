"""The routes of the API by resource, as its users see them. ``service/auth/access.toml`` says who may call them."""
