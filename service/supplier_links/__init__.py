"""Links through which suppliers take part without an account, and the files that they are sending through them."""
