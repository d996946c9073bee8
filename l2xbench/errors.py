"""The one kind of error that is the user's to mend."""


class RequestError(Exception):
    """A request that cannot be carried out as written: a config, a name or a file is wrong.

    Its message is one line that names the file, the key and what would be right. The command line prints that line
    and exits with code 2, without a traceback.
    """
