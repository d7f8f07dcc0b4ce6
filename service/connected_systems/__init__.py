"""Write scores back to the procurement and risk systems of an organisation, as files and as pushes."""
