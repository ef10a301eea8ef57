"""Ways to hand a finished mail to somebody who delivers it: one file or folder a provider or protocol, found by the registry."""
