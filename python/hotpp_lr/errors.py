"""One exception for everything a user can put right: bad files, bad settings, bad data."""


class InputError(ValueError):
    """What was given, what was expected, what to do, in one sentence. Commands print it without a traceback."""
