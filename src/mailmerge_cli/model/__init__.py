"""The words that all rooms share: values, states and the few protocols between rooms. No behaviour of a room lives here."""
