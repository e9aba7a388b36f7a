"""The verbs of the program as data: what they are called, which keys they have, where they show."""
