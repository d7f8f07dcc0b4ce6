"""The service built around the three libraries: it loads data, calls the libraries and stores the results."""
