"""The shell around the three libraries: it fetches, calls and keeps."""
