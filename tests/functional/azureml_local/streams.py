"""Standard outputs for the SDK, which streams the log of a job only while the job runs."""

import io


class SignalOnText(io.StringIO):
    """A standard output that creates ``signal`` as soon as ``text`` is written to it."""

    def __init__(self, text, signal):
        super().__init__()
        self.text, self.signal = text, signal

    def write(self, chunk):
        count = super().write(chunk)
        if self.text in self.getvalue():
            self.signal.touch()
        return count
