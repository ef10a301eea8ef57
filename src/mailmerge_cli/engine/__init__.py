"""*When* a mail goes and whether it goes again: the loop, the throttle, back-off and the breaker; never SMTP, never SQL."""
