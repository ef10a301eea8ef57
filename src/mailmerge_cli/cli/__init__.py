"""Words in, exit codes out: one file a command; the only room that prints, asks or exits."""
