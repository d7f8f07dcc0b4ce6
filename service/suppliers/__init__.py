"""Store suppliers and agencies: who is who, how rows merge, what an assessment left with them."""
