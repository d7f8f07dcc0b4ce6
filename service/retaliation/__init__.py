"""The retaliation watch: check for a year whether workers suffer for what they reported."""
