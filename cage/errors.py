"""Failures that are said in words, and the exit codes they end with."""

DONE = 0
FAILED = 1
USAGE = 2
DECIDE = 3
UNREACHABLE = 4
INTERRUPTED = 130
# The reader of the output closed the pipe: 128 plus SIGPIPE, as a shell reports it.
UNREAD = 141


class CageError(Exception):
    """An expected failure: the problem, the remedy as a command, and the exit code."""

    def __init__(self, problem: str, remedy: str = "", code: int = FAILED) -> None:
        super().__init__(problem)
        self.problem, self.remedy, self.code = problem, remedy, code
        self.said = problem, remedy
