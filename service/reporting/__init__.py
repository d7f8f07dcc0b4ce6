"""Request reports, build them from stored results, render them in jobs, and download them."""
