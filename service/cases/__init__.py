"""Store the case records of an organisation and apply changes to them."""
