"""Work done behind the pages: a job is a row, claimed by whoever lives, resumed where it stopped, in effect once."""
