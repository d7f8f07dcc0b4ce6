"""What suppliers and workers read in other languages: English texts, draft translations, and what reviewers say about them."""
