"""The suppliers and agencies that an organisation keeps: found again, listed, shown, and what happened to them."""
