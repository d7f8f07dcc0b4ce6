"""The outbox: emails and webhook calls are queued in the transaction of their cause, and delivered at least once each."""
